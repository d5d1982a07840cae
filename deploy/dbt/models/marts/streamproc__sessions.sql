select
    session_id,
    identity_id,
    session_number,
    sdk_session_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    {{ dbt.datediff('min(occurred_at)', 'max(occurred_at)', 'second') }} as duration_seconds,
    count(*) as events,
    count(case when event_type = 'track' then 1 end) as tracks,
    count(case when event_type = 'page' then 1 end) as page_views,
    count(case when event_type = 'screen' then 1 end) as screen_views
from {{ ref('streamproc__events') }}
where session_id is not null
group by session_id, identity_id, session_number, sdk_session_id
