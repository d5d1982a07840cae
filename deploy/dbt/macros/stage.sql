{# Select from a table of the loader: first `columns`, then every other column it has.

   The loader makes tables and columns when the first event comes that needs them. A table that is
   not there yet is empty, a column that is not there yet is null: models build all the same.
   A column of the source that has one of our names is called `source_…`.

   Arguments:
     relation: The source.
     columns: Of each column its name in the source, its name here and its kind (text, time, json).
#}
{% macro stage(relation, columns) %}
{%- set found = streamproc.columns_of(relation) -%}
select
    {%- for source_name, name, kind in columns %}
    {%- set column = found.pop(source_name, none) %}
    {%- if column is none %}
    cast(null as {{ streamproc.type_of(kind) }}) as {{ name }}
    {%- elif kind == 'time' %}
    {{ streamproc.utc(streamproc.quoted(column)) }} as {{ name }}
    {%- else %}
    {{ streamproc.quoted(column) }} as {{ name }}
    {%- endif -%}
    {{ "," if not loop.last or found }}
    {%- endfor %}
    {%- for name, column in found.items() %}
    {%- set taken = name in (columns | map(attribute=1)) %}
    {{ streamproc.quoted(column) }}
    {{- " as " ~ streamproc.quoted("source_" ~ column) if taken }}{{ "," if not loop.last }}
    {%- endfor %}
{%- if load_relation(relation) is none %}
where 1 = 0
{%- else %}
from {{ relation }}
{%- endif -%}
{% endmacro %}

{# Return the columns of `relation` as they are written there, by their names in lower case; none of
   a relation that is not there. #}
{% macro columns_of(relation) %}
    {%- set found = {} -%}
    {%- if execute and load_relation(relation) is not none -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do found.update({column.name | lower: column.name}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(found) -}}
{% endmacro %}

{# Return `name`, which may hold anything, as an identifier: `adapter.quote` leaves quotes as they
   are. #}
{% macro quoted(name) %}
    {{- return('"' ~ (name | replace('"', '""')) ~ '"') -}}
{% endmacro %}

{# Return whether a loader keeps its table of identities here. #}
{% macro has_identity_mappings() %}
    {{- return(execute and load_relation(source('streamproc', 'identity_mappings')) is not none) -}}
{% endmacro %}

{% macro type_of(kind) %}
    {{- return(dbt.type_timestamp() if kind == 'time' else dbt.type_string()) -}}
{% endmacro %}

{# Columns of every table of events, as `stage` takes them. #}
{% macro standard_columns() %}
    {{- return([
        ('id', 'event_id', 'text'),
        ('anonymous_id', 'anonymous_id', 'text'),
        ('user_id', 'user_id', 'text'),
        ('identity_id', 'loaded_identity_id', 'text'),
        ('account_id', 'account_id', 'text'),
        ('identity_resolved_by', 'identity_resolved_by', 'text'),
        ('identity_resolved_at', 'identity_resolved_at', 'time'),
        ('context_session_id', 'context_session_id', 'text'),
        ('timestamp', 'occurred_at', 'time'),
        ('received_at', 'received_at', 'time'),
        ('sent_at', 'sent_at', 'time'),
        ('original_timestamp', 'original_timestamp', 'time'),
        ('uuid_ts', 'loaded_at', 'time'),
        ('ruleset', 'ruleset', 'text'),
        ('redaction_manifest', 'redaction_manifest', 'json'),
        ('tracking_plan_violations', 'tracking_plan_violations', 'json'),
    ]) -}}
{% endmacro %}
