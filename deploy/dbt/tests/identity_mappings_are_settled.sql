-- Two ids of one person have one identity: where not, `streamproc_stitching_rounds` are too few.
select aliases.one, aliases.other
from {{ ref('int_streamproc__aliases') }} as aliases
inner join {{ ref('int_streamproc__people') }} as one on one.token = aliases.one
inner join {{ ref('int_streamproc__people') }} as other on other.token = aliases.other
where one.identity_id <> other.identity_id
