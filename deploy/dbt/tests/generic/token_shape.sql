{# Every value of the column is a token: `tok_<key>_` and 32 letters from a to p. #}
{% test token_shape(model, column_name) %}
select count(*) as found
from {{ model }}
where {{ streamproc.is_no_token(column_name) }}
having count(*) > 0
{% endtest %}
