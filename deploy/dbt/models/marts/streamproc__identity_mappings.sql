-- Whose each id is, by the rules of the worker's identity view and all that is known today: ids that
-- aliases join are one person; a device belongs to the person who identified on it, and to nobody
-- but itself where several did.

with messages as (

    select distinct event_type, user_id, anonymous_id, loaded_identity_id
    from {{ ref('stg_streamproc__messages') }}

),

people as (

    select token, identity_id from {{ ref('int_streamproc__people') }}

),

users as (

    select distinct user_id from messages where user_id is not null

),

devices as (

    -- What the worker knew of a device without its user: where keys overlap, the device's key before.
    select
        anonymous_id,
        min(case when user_id is null then loaded_identity_id end) as loaded_identity_id
    from messages
    where anonymous_id is not null
    group by anonymous_id

),

identified as (

    select
        messages.anonymous_id,
        min(people.identity_id) as identity_id,
        count(distinct people.identity_id) as people
    from messages
    inner join people on people.token = messages.user_id
    where messages.event_type = 'identify' and messages.anonymous_id is not null
    group by messages.anonymous_id

)

select
    users.user_id as id,
    'user_id' as id_type,
    coalesce(people.identity_id, users.user_id) as identity_id
from users
left join people on people.token = users.user_id

union all

select
    devices.anonymous_id,
    'anonymous_id',
    case
        when identified.people = 1 then identified.identity_id
        when identified.people > 1 then coalesce(own.identity_id, devices.anonymous_id)
        else coalesce(
            known.identity_id, devices.loaded_identity_id, own.identity_id, devices.anonymous_id
        )
    end
from devices
left join identified on identified.anonymous_id = devices.anonymous_id
left join people as own on own.token = devices.anonymous_id
left join people as known on known.token = devices.loaded_identity_id
