-- Whose each id is, by all that is known today: as the loader's own table of identities has it, or,
-- where no loader keeps one, as far as the rows of events show it.
-- depends_on: {{ ref('int_streamproc__ids_by_loader') }}
-- depends_on: {{ ref('int_streamproc__ids_by_rows') }}
{%- set kept = streamproc.has_identity_mappings() %}

select id, id_type, identity_id
from {{ ref('int_streamproc__ids_by_loader' if kept else 'int_streamproc__ids_by_rows') }}
