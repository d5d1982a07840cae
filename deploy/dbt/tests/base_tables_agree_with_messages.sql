-- Every message that was loaded has its row in the table of its type, and the other way around. A
-- message whose ids are all null is of a deleted person: its line stays, its row does not.
select messages.event_type, 'no row' as problem, count(*) as found
from {{ ref('stg_streamproc__messages') }} as messages
left join {{ ref('int_streamproc__events_unioned') }} as events
    on events.event_id = messages.event_id and events.event_type = messages.event_type
where
    events.event_id is null
    and coalesce(messages.user_id, messages.anonymous_id, messages.loaded_identity_id) is not null
group by messages.event_type

union all

select events.event_type, 'no message', count(*)
from {{ ref('int_streamproc__events_unioned') }} as events
left join {{ ref('stg_streamproc__messages') }} as messages
    on messages.event_id = events.event_id and messages.event_type = events.event_type
where messages.event_id is null
group by events.event_type
