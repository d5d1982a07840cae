-- Whose each id is, by the rules of the worker's identity view and what the rows of events show: ids
-- that aliases join are one person; a device belongs to the person who identified on it, and to nobody
-- but itself where several did.

with messages as (

    select event_type, user_id, anonymous_id, loaded_identity_id, received_at, event_id
    from {{ ref('stg_streamproc__messages') }}

),

users as (

    select links.id, min(people.identity_id) as identity_id
    from {{ ref('int_streamproc__links') }} as links
    inner join {{ ref('int_streamproc__people') }} as people
        on people.loaded_identity_id = links.loaded_identity_id
    group by links.id

),

identified as (

    select
        messages.anonymous_id,
        min(users.identity_id) as identity_id,
        count(distinct users.identity_id) as people
    from messages
    inner join users on users.id = messages.user_id
    where messages.event_type = 'identify' and messages.anonymous_id is not null
    group by messages.anonymous_id

),

-- The identity that a device had of itself: that of its first event without a user.
devices as (

    select anonymous_id, loaded_identity_id
    from (
        select
            anonymous_id,
            loaded_identity_id,
            row_number() over (
                partition by anonymous_id order by received_at, event_id
            ) as place
        from messages
        where anonymous_id is not null and user_id is null and loaded_identity_id is not null
    ) as anonymous
    where place = 1

),

ids as (

    select distinct user_id as id, 'user_id' as id_type
    from messages
    where user_id is not null

    union all

    select distinct anonymous_id, 'anonymous_id'
    from messages
    where anonymous_id is not null

),

mapped as (

    select
        ids.id,
        ids.id_type,
        case
            when ids.id_type = 'user_id' then users.identity_id
            when identified.people = 1 then identified.identity_id
            else coalesce(users.identity_id, people.identity_id, devices.loaded_identity_id)
        end as identity_id
    from ids
    left join users on users.id = ids.id
    left join identified on identified.anonymous_id = ids.id
    left join devices on devices.anonymous_id = ids.id
    left join {{ ref('int_streamproc__people') }} as people
        on people.loaded_identity_id = devices.loaded_identity_id

)

-- A device that has been seen with users only, and with several of them, has no identity to give.
select id, id_type, identity_id
from mapped
where identity_id is not null
