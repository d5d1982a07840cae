{# No text in any table that the loader writes looks like personal data. #}
{%- set selects = [] -%}
{%- for relation in streamproc.tables() -%}
    {%- do selects.append(streamproc.personal_data_in(
        relation,
        streamproc.utc('uuid_ts'),
        var('streamproc_except_columns'),
        var('streamproc_except_kinds'),
    )) -%}
{%- endfor -%}
{{ (selects | join('\nunion all\n')) or streamproc.no_personal_data_found() }}
