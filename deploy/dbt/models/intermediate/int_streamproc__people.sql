-- Which identities turned out to be one person's: the connected components of the graph of ids and
-- identities, each called by its smallest identity, as the worker calls people. Each round takes the
-- smallest label among the identities of an id, and then that label's own label: shortcuts, as in
-- Shiloach and Vishkin's algorithm (1982), so that a few rounds go a long way.
{{ config(materialized='table') }}

with links as (

    select id, loaded_identity_id from {{ ref('int_streamproc__links') }}

),

round_0 as (

    select distinct loaded_identity_id as identity_id, loaded_identity_id as label
    from links

){% set rounds = var('streamproc_stitching_rounds') %}
{%- for number in range(1, rounds + 1) %},

ids_{{ number }} as (

    select links.id, min(labels.label) as label
    from links
    inner join round_{{ number - 1 }} as labels on labels.identity_id = links.loaded_identity_id
    group by links.id

),

taken_{{ number }} as (

    select links.loaded_identity_id as identity_id, min(ids.label) as label
    from links
    inner join ids_{{ number }} as ids on ids.id = links.id
    group by links.loaded_identity_id

),

round_{{ number }} as (

    select taken.identity_id, least(taken.label, further.label) as label
    from taken_{{ number }} as taken
    inner join taken_{{ number }} as further on further.identity_id = taken.label

)
{%- endfor %}

select identity_id as loaded_identity_id, label as identity_id
from round_{{ rounds }}
