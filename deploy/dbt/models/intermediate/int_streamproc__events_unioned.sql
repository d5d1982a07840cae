{#- Of every type of event its model and what says which of its kind it was. -#}
{%- set names = {
    'track': ('stg_streamproc__tracks', 'event_text'),
    'identify': ('stg_streamproc__identifies', none),
    'page': ('stg_streamproc__pages', 'page_name'),
    'screen': ('stg_streamproc__screens', 'screen_name'),
    'group': ('stg_streamproc__groups', none),
    'alias': ('stg_streamproc__aliases', none),
} -%}

{%- for event_type, (model, name) in names.items() %}
select
    event_id,
    '{{ event_type }}' as event_type,
    cast({{ name or 'null' }} as {{ dbt.type_string() }}) as event_name,
    user_id,
    anonymous_id,
    loaded_identity_id,
    account_id,
    cast(context_session_id as {{ dbt.type_string() }}) as sdk_session_id,
    occurred_at,
    received_at,
    loaded_at,
    ruleset
from {{ ref(model) }}
{{ "union all" if not loop.last }}
{%- endfor %}
