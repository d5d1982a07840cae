{# What personal data looks like, by kind: patterns as `matches` takes them.

   A second look at what comes out, without a detector's context, validation or language: it finds
   what has the shape, and shape is all it goes by. What stands for a value is not matched: tokens
   (`tok_…`), placeholders (`<EMAIL_ADDRESS>`), masks, addresses cut to their network. #}
{% macro personal_data_patterns() %}
    {%- set before = '(^|[^0-9A-Za-z_.-])' -%}
    {%- set after = '($|[^0-9A-Za-z_-])' -%}
    {%- set octet = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])' -%}
    {%- set last_octet = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]?)' -%}
    {%- set hex = '[0-9A-Fa-f]{1,4}' -%}
    {{- return({
        'email': '[0-9A-Za-z._+-]+(@|%40)([0-9A-Za-z-]+[.])+[A-Za-z]{2,}',
        'card': before ~ '([3-6][0-9]{12,18}|[3-6][0-9]{3}([ -][0-9]{4}){3}|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{5})' ~ after,
        'ssn': before ~ '[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}' ~ after,
        'iban': before ~ '[A-Z]{2}[0-9]{2}([0-9A-Z]{11,30}|( [0-9A-Z]{4}){3,7}( [0-9A-Z]{1,3})?)' ~ after,
        'phone': '(^|[^0-9A-Za-z_])([+][1-9][0-9]{0,2}[ .(-]{0,2}[0-9]{1,4}([ .)-]{0,2}[0-9]{2,4}){2,4}|([(][2-9][0-9]{2}[)] ?|[2-9][0-9]{2}[ .-])[0-9]{3}[ .-][0-9]{4})' ~ after,
        'ip': '(^|[^0-9A-Za-z_.-])' ~ octet ~ '([.]' ~ octet ~ '){2}[.]' ~ last_octet ~ '($|[^0-9A-Za-z_.-]|[.]($|[^0-9]))',
        'ipv6': '(^|[^0-9A-Za-z_.:-])((' ~ hex ~ ':){7}' ~ hex ~ '|(' ~ hex ~ ':)+(:' ~ hex ~ ')+)($|[^0-9A-Za-z:])',
        'mac': '(^|[^0-9A-Za-z:-])([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}($|[^0-9A-Za-z:-])',
    }) -}}
{% endmacro %}

{# Select where there is what looks like personal data: table, column, kind and the number of rows,
   never a value (a test's failures may be stored).

   Arguments:
     searched: Of each table its relation, its columns to search, and when a row was loaded, in UTC:
       a column or an expression.
     except_kinds: Kinds of personal data to leave out, such as what `format_preserve` makes. #}
{% macro personal_data_in(searched, except_kinds=[]) %}
    {%- set kinds = [] -%}
    {%- for kind, pattern in streamproc.personal_data_patterns().items() if kind not in except_kinds -%}
        {#- A version may have four parts, as an address has. -#}
        {%- set also = "column_name not like '%version%' and " if kind == 'ip' -%}
        {%- do kinds.append(
            "when " ~ also ~ streamproc.matches('value', pattern) ~ " then '" ~ kind ~ "'"
        ) -%}
    {%- endfor -%}
    {%- set texts = [] -%}
    {%- for relation, columns, loaded_at in searched if columns -%}
        {%- do texts.append(streamproc.texts_in(relation, columns, loaded_at)) -%}
    {%- endfor %}
select table_name, column_name, kind, count(*) as found
from (
    select
        table_name,
        column_name,
        case {{ kinds | join('\n            ') }} end as kind
    from (
        {{ texts | join('\n        union all\n        ')
            or "select '' as table_name, '' as column_name, '' as value where 1 = 0" }}
    ) as texts
) as kinds
where kind is not null
group by table_name, column_name, kind
{% endmacro %}

{# Select every text in the columns of a table that was loaded recently: table, column, value. #}
{% macro texts_in(relation, columns, loaded_at) -%}
    select '{{ relation.identifier | lower | replace("'", "''") }}' as table_name, lower(column_name) as column_name, value
        from (
            select
                {%- for column in columns %}
                {%- set text = "cast(" ~ streamproc.quoted(column) ~ " as " ~ dbt.type_string() ~ ")" %}
                {%- if 'user_agent' in column | lower %}
                {#- Chrome/126.0.6478.61 is no address. #}
                {%- set text = streamproc.without(text, '[A-Za-z]+/[0-9.]+') %}
                {%- endif %}
                {{ text }} as {{ streamproc.quoted(column) }}{{ "," if not loop.last }}
                {%- endfor %}
            from {{ relation }}
            where {{ streamproc.recently(loaded_at) }}
        ) as searched
        unpivot (value for column_name in ({% for column in columns %}{{ streamproc.quoted(column) }}{{ ", " if not loop.last }}{% endfor %}))
{%- endmacro %}

{# Return the columns of `relation` that hold texts or documents, but for those named in `except`,
   in lower case. #}
{% macro text_columns(relation, except) %}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- set is_text = column.is_string() or column.dtype | upper in ('JSON', 'VARIANT') -%}
            {%- if is_text and column.name | lower not in except -%}
                {%- do found.append(column.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(found) -}}
{% endmacro %}

{# Return a condition: loaded within `streamproc_checked_hours`, where that is set. #}
{% macro recently(loaded_at) %}
    {%- set hours = var('streamproc_checked_hours') -%}
    {%- if hours is none -%}
        {{- return('1 = 1') -}}
    {%- endif -%}
    {%- set now = streamproc.utc(dbt.current_timestamp()) -%}
    {{- return(loaded_at ~ ' > ' ~ dbt.dateadd('hour', -hours, now)) -}}
{% endmacro %}

{# Return a condition: the text `column` is something else than a token. #}
{% macro is_no_token(column) %}
    {%- set text = "cast(" ~ column ~ " as " ~ dbt.type_string() ~ ")" -%}
    {{- return("not " ~ streamproc.matches(text, '^tok_[0-9A-Za-z]{1,16}_[a-p]{32}$')) -}}
{% endmacro %}
