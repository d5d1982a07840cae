-- Every event once, with whom it belongs to and the session it is part of: the SDK's, where it counts
-- sessions (on each device of somebody its own), else what half an hour of nothing ends.

with events as (

    select
        *,
        lag(occurred_at) over (
            partition by identity_id, {{ streamproc.device_session() }} order by occurred_at, event_id
        ) as previous_at
    from {{ ref('int_streamproc__events_stitched') }}

),

parted as (

    select
        *,
        sum(
            case
                when previous_at is null then 1
                when {{ streamproc.device_session() }} is not null then 0
                when occurred_at > {{ dbt.dateadd('minute', var('streamproc_session_minutes'), 'previous_at') }} then 1
                else 0
            end
        ) over (
            partition by identity_id, {{ streamproc.device_session() }} order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as part
    from events

),

named as (

    select
        *,
        first_value(event_id) over (
            partition by identity_id, {{ streamproc.device_session() }}, part
            order by occurred_at, event_id
            rows between unbounded preceding and unbounded following
        ) as first_event_id,
        first_value(occurred_at) over (
            partition by identity_id, {{ streamproc.device_session() }}, part
            order by occurred_at, event_id
            rows between unbounded preceding and unbounded following
        ) as started_at
    from parted

),

numbered as (

    select
        *,
        dense_rank() over (
            partition by identity_id order by started_at, first_event_id
        ) as session_number
    from named

)

select
    event_id,
    event_type,
    event_name,
    identity_id,
    loaded_identity_id,
    account_id,
    user_id,
    anonymous_id,
    -- An event of nobody is no part of a session.
    case when identity_id is not null then {{ dbt.hash('first_event_id') }} end as session_id,
    case when identity_id is not null then session_number end as session_number,
    sdk_session_id,
    occurred_at,
    received_at,
    loaded_at,
    ruleset
from numbered
