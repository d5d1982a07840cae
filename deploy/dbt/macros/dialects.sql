{# What DuckDB and Snowflake write differently. #}

{# Return `column`, a point in time, as a timestamp without time zone in UTC: what it says then does
   not depend on the time zone of whoever asks. #}
{% macro utc(column) %}
    {{- return(adapter.dispatch('utc', 'streamproc')(column)) -}}
{% endmacro %}

{% macro default__utc(column) %}
    {{- return("timezone('UTC', " ~ column ~ ")") -}}
{% endmacro %}

{% macro snowflake__utc(column) %}
    {{- return("cast(convert_timezone('UTC', " ~ column ~ ") as timestamp_ntz)") -}}
{% endmacro %}

{# Return a condition: `pattern` matches somewhere in the text `column`.

   Patterns are what RE2 and POSIX have in common, without backslashes: Snowflake unescapes them in
   literals, DuckDB does not. #}
{% macro matches(column, pattern) %}
    {{- return(adapter.dispatch('matches', 'streamproc')(column, pattern)) -}}
{% endmacro %}

{% macro default__matches(column, pattern) %}
    {{- return("regexp_matches(" ~ column ~ ", '" ~ pattern ~ "')") -}}
{% endmacro %}

{% macro snowflake__matches(column, pattern) %}
    {#- REGEXP_LIKE matches whole texts only. -#}
    {{- return("regexp_instr(" ~ column ~ ", '" ~ pattern ~ "') > 0") -}}
{% endmacro %}

{# Return `column` with what `pattern` matches taken out. #}
{% macro without(column, pattern) %}
    {{- return(adapter.dispatch('without', 'streamproc')(column, pattern)) -}}
{% endmacro %}

{% macro default__without(column, pattern) %}
    {{- return("regexp_replace(" ~ column ~ ", '" ~ pattern ~ "', '', 'g')") -}}
{% endmacro %}

{% macro snowflake__without(column, pattern) %}
    {{- return("regexp_replace(" ~ column ~ ", '" ~ pattern ~ "', '')") -}}
{% endmacro %}
