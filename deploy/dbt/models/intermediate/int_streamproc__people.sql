-- The connected components of the graph whose edges are aliases, each called by its smallest token,
-- as the worker calls them. Each round takes the smallest label among a token's neighbours and then
-- that label's own label: shortcuts, as in Shiloach and Vishkin's algorithm (1982), so that a few
-- rounds go a long way.
{{ config(materialized='table') }}

with neighbors as (

    select one as token, other as neighbor from {{ ref('int_streamproc__aliases') }}
    union
    select other, one from {{ ref('int_streamproc__aliases') }}
    union
    select one, one from {{ ref('int_streamproc__aliases') }}
    union
    select other, other from {{ ref('int_streamproc__aliases') }}

),

round_0 as (

    select token, min(neighbor) as label
    from neighbors
    group by token

){% set rounds = var('streamproc_stitching_rounds') %}
{%- for number in range(1, rounds + 1) %},

taken_{{ number }} as (

    select neighbors.token, min(labels.label) as label
    from neighbors
    inner join round_{{ number - 1 }} as labels on labels.token = neighbors.neighbor
    group by neighbors.token

),

round_{{ number }} as (

    select taken.token, least(taken.label, further.label) as label
    from taken_{{ number }} as taken
    inner join taken_{{ number }} as further on further.token = taken.label

)
{%- endfor %}

select token, label as identity_id
from round_{{ rounds }}
