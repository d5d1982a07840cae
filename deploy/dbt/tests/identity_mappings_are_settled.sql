-- All identities of one id are one person's: where not, `streamproc_stitching_rounds` are too few.
select links.id
from {{ ref('int_streamproc__links') }} as links
inner join {{ ref('int_streamproc__people') }} as people
    on people.loaded_identity_id = links.loaded_identity_id
group by links.id
having count(distinct people.identity_id) > 1
