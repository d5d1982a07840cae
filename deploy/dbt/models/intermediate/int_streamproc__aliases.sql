-- Pairs of tokens that are one person's.

select user_id as one, previous_id as other
from {{ ref('stg_streamproc__aliases') }}
where user_id is not null and previous_id is not null

union

-- The worker knew these from aliases that are not here, or from keys that overlapped.
select user_id, loaded_identity_id
from {{ ref('stg_streamproc__messages') }}
where user_id is not null and loaded_identity_id is not null
