{# Every value of the column is a token: `tok_<key>_` and 32 letters from a to p. #}
{% test token_shape(model, column_name) %}
select count(*) as found
from {{ model }}
where
    {{ column_name }} is not null
    and not {{ streamproc.matches(column_name, '^tok_[0-9A-Za-z]{1,16}_[a-p]{32}$') }}
having count(*) > 0
{% endtest %}
