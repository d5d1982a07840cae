-- No text in any table that the loader writes looks like personal data: the base tables, those of
-- each tracked event, users and discards.
{#- Names the sources, so that dbt knows what is read. -#}
{%- set relations = [
    source('streamproc', 'tracks'), source('streamproc', 'identifies'), source('streamproc', 'users'),
    source('streamproc', 'pages'), source('streamproc', 'screens'), source('streamproc', 'groups'),
    source('streamproc', 'aliases'), source('streamproc', 'discards')
] + streamproc.event_tables() -%}
{%- set selects = [] -%}
{%- if execute -%}
    {%- for relation in relations if load_relation(relation) is not none -%}
        {%- do selects.append(streamproc.personal_data_in(
            relation,
            streamproc.utc('uuid_ts'),
            var('streamproc_except_columns'),
            var('streamproc_except_kinds'),
        )) -%}
    {%- endfor -%}
{%- endif -%}
{{ (selects | join('\nunion all\n')) or streamproc.no_personal_data_found() }}
