-- Whom an event belongs to by all that is known today. The loader's own answer is older: it had only
-- the identify and alias events before it.
select
    events.event_id,
    events.event_type,
    events.event_name,
    coalesce(
        users.identity_id, devices.identity_id, tokens.identity_id, events.loaded_identity_id
    ) as identity_id,
    events.loaded_identity_id,
    events.account_id,
    events.user_id,
    events.anonymous_id,
    events.sdk_session_id,
    events.occurred_at,
    events.received_at,
    events.loaded_at,
    events.ruleset
from {{ ref('int_streamproc__events_unioned') }} as events
left join {{ ref('streamproc__identity_mappings') }} as users
    on users.id_type = 'user_id' and users.id = events.user_id
-- An event that names a user is that user's, on whomever's device it happened.
left join {{ ref('streamproc__identity_mappings') }} as devices
    on devices.id_type = 'anonymous_id' and devices.id = events.anonymous_id and events.user_id is null
-- An event without any id may have been somebody's by a trait.
left join {{ ref('stg_streamproc__identity_mappings') }} as tokens
    on tokens.token = events.loaded_identity_id
