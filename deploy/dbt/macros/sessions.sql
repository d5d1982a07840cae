{# Return what tells the sessions of an SDK apart: it counts them on each device by itself. Null where
   it counts none, or `streamproc_sdk_sessions` says not to heed it. #}
{% macro device_session() %}
    {%- if var('streamproc_sdk_sessions') -%}
    {{- return("(coalesce(anonymous_id, '') || ' ' || sdk_session_id)") -}}
    {%- endif -%}
    {{- return("cast(null as " ~ dbt.type_string() ~ ")") -}}
{% endmacro %}
