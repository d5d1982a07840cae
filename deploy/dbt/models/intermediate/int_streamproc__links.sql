-- Ids and the identities that the worker gave their events. Two identities of one id are one person's:
-- the worker learnt of an alias in between, or keys overlapped. A device is not in here unless an alias
-- names it, since several people may use it.

select user_id as id, loaded_identity_id
from {{ ref('stg_streamproc__messages') }}
where user_id is not null and loaded_identity_id is not null

union

-- An alias event belongs to the person that it makes of both ids.
select previous_id, loaded_identity_id
from {{ ref('stg_streamproc__aliases') }}
where user_id is not null and previous_id is not null and loaded_identity_id is not null
