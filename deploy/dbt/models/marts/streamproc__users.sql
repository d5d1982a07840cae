-- One row an identity: what it did, and the traits of its user that came last.
{%- set known = [
    'user_id', 'received_at', 'loaded_at', 'identity_id', 'first_seen_at', 'last_seen_at', 'events',
    'sessions', 'user_ids', 'devices', 'place'
] %}

with events as (

    select
        identity_id,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at,
        count(*) as events,
        count(distinct session_id) as sessions,
        count(distinct user_id) as user_ids,
        count(distinct anonymous_id) as devices
    from {{ ref('streamproc__events') }}
    where identity_id is not null
    group by identity_id

),

users as (

    select
        users.*,
        mappings.identity_id,
        row_number() over (
            partition by mappings.identity_id order by users.received_at desc, users.user_id
        ) as place
    from {{ ref('stg_streamproc__users') }} as users
    inner join {{ ref('streamproc__identity_mappings') }} as mappings
        on mappings.id_type = 'user_id' and mappings.id = users.user_id

)

select
    events.identity_id,
    users.user_id,
    events.first_seen_at,
    events.last_seen_at,
    events.events,
    events.sessions,
    events.user_ids,
    events.devices
    {%- for name, column in streamproc.columns_of(ref('stg_streamproc__users')).items() if name not in known %},
    users.{{ streamproc.quoted(column) }}
    {%- endfor %}
from events
left join users on users.identity_id = events.identity_id and users.place = 1
