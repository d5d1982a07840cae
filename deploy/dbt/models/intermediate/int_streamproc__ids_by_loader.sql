-- Whose each id is by the table that the loader keeps: whom its newest event belonged to, and whom that
-- identity belongs to by now. Of a device, events that name a user say nothing: they are that user's.

with ids as (

    select user_id as id, 'user_id' as id_type, loaded_identity_id, received_at, event_id
    from {{ ref('stg_streamproc__messages') }}
    where user_id is not null and loaded_identity_id is not null

    union all

    select anonymous_id, 'anonymous_id', loaded_identity_id, received_at, event_id
    from {{ ref('stg_streamproc__messages') }}
    where anonymous_id is not null and user_id is null and loaded_identity_id is not null

),

newest as (

    select
        id,
        id_type,
        loaded_identity_id,
        row_number() over (
            partition by id_type, id order by received_at desc, event_id desc
        ) as place
    from ids

)

select
    newest.id,
    newest.id_type,
    coalesce(mappings.identity_id, newest.loaded_identity_id) as identity_id
from newest
left join {{ ref('stg_streamproc__identity_mappings') }} as mappings
    on mappings.token = newest.loaded_identity_id
where newest.place = 1
