{# No text in any table that the loader writes looks like personal data. -#}
{%- set except_columns = var('streamproc_except_columns') -%}
{%- set loaded_at = streamproc.utc('uuid_ts') -%}
{%- set searched = [] -%}
{%- for relation in streamproc.base_tables() -%}
    {%- do searched.append((relation, streamproc.text_columns(relation, except_columns), loaded_at)) -%}
{%- endfor -%}
{#- The table of an event repeats what its row in tracks has. -#}
{%- set repeated = streamproc.columns_of(source('streamproc', 'tracks')) | list -%}
{%- for relation in streamproc.event_tables() -%}
    {%- set columns = streamproc.text_columns(relation, except_columns + repeated) -%}
    {%- do searched.append((relation, columns, loaded_at)) -%}
{%- endfor -%}
{{ streamproc.personal_data_in(searched, var('streamproc_except_kinds')) }}
