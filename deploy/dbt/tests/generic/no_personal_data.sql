{# No text in the model looks like personal data. A failure names column, kind and count, no value. #}
{% test no_personal_data(model, loaded_at='loaded_at', except_columns=[], except_kinds=[]) %}
{{ streamproc.personal_data_in(
    [(model, streamproc.text_columns(model, except_columns), loaded_at)], except_kinds
) }}
{% endtest %}
