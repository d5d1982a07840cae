with views as (

    select
        pages.event_id as page_view_id,
        events.session_id,
        events.identity_id,
        events.occurred_at,
        row_number() over (
            partition by events.session_id order by events.occurred_at, events.event_id
        ) as number_in_session,
        lead(events.occurred_at) over (
            partition by events.session_id order by events.occurred_at, events.event_id
        ) as next_at,
        pages.page_name,
        pages.path,
        pages.url,
        pages.title,
        pages.referrer,
        pages.search
    from {{ ref('stg_streamproc__pages') }} as pages
    inner join {{ ref('streamproc__events') }} as events
        on events.event_id = pages.event_id and events.event_type = 'page'

)

select
    page_view_id,
    session_id,
    identity_id,
    -- Without a session nothing says which came first.
    case when session_id is not null then number_in_session end as number_in_session,
    occurred_at,
    case
        when session_id is not null then {{ dbt.datediff('occurred_at', 'next_at', 'second') }}
    end as seconds_to_next,
    page_name,
    path,
    url,
    title,
    referrer,
    search
from views
