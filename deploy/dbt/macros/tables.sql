{# Return the tables of tracked events that there are, as relations. #}
{% macro event_tables() %}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- set messages = source('streamproc', 'streamproc_messages') -%}
        {%- set names = run_query(
            'select distinct event_table from ' ~ messages ~ ' where event_table is not null order by 1'
        ) -%}
        {%- for name in names.columns[0].values() -%}
            {%- set relation = adapter.get_relation(messages.database, messages.schema, name) -%}
            {%- if relation is not none -%}{%- do found.append(relation) -%}{%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(found) -}}
{% endmacro %}
