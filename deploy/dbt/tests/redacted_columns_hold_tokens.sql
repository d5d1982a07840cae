{# Every value is a token in the columns that the rules turn into tokens. #}
{%- set selects = [] -%}
{%- for relation in streamproc.base_tables() + streamproc.event_tables() -%}
    {%- for name, column in streamproc.columns_of(relation).items() if name in var('streamproc_token_columns') -%}
        {%- set select -%}
select
    '{{ relation.identifier | replace("'", "''") }}' as table_name,
    '{{ name }}' as column_name,
    count(*) as found
from {{ relation }}
where
    {{ streamproc.is_no_token(streamproc.quoted(column)) }}
    and {{ streamproc.recently(streamproc.utc('uuid_ts')) }}
having count(*) > 0
        {%- endset -%}
        {%- do selects.append(select) -%}
    {%- endfor -%}
{%- endfor -%}
{{ (selects | join('\nunion all\n')) or "select '' as table_name where 1 = 0" }}
