{# Return the tables that the loader fills from events and that there are, but for those of tracked
   events. #}
{% macro base_tables() %}
    {#- By name, so that dbt knows what is read. -#}
    {%- set sources = [
        source('streamproc', 'tracks'), source('streamproc', 'identifies'),
        source('streamproc', 'users'), source('streamproc', 'pages'),
        source('streamproc', 'screens'), source('streamproc', 'groups'),
        source('streamproc', 'aliases'), source('streamproc', 'discards'),
        source('streamproc', 'identity_mappings'),
    ] -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for relation in sources if load_relation(relation) is not none -%}
            {%- do found.append(relation) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(found) -}}
{% endmacro %}

{# Return the tables of tracked events that there are. #}
{% macro event_tables() %}
    {%- set found = [] -%}
    {%- set messages = source('streamproc', 'streamproc_messages') -%}
    {%- if execute -%}
        {%- set names = run_query(
            'select distinct event_table from ' ~ messages
            ~ ' where event_table is not null order by 1'
        ) -%}
        {%- for name in names.columns[0].values() -%}
            {%- set relation = adapter.get_relation(messages.database, messages.schema, name) -%}
            {%- if relation is not none -%}
                {%- do found.append(relation) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(found) -}}
{% endmacro %}
