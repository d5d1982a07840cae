-- Every tracked event has its row in the table that its message names.
with tables as (

    {%- set tables = streamproc.event_tables() %}
    {%- for table in tables %}
    select '{{ table.identifier | lower | replace("'", "''") }}' as event_table, id as event_id
    from {{ table }}
    {{ "union all" if not loop.last }}
    {%- else %}
    select '' as event_table, '' as event_id where 1 = 0
    {%- endfor %}

),

messages as (

    select lower(event_table) as event_table, event_id
    from {{ ref('stg_streamproc__messages') }}
    where
        event_table is not null
        and coalesce(user_id, anonymous_id, loaded_identity_id) is not null

)

select
    coalesce(messages.event_table, tables.event_table) as event_table,
    case when messages.event_id is null then 'no message' else 'no row' end as problem,
    count(*) as found
from messages
full outer join tables
    on tables.event_table = messages.event_table and tables.event_id = messages.event_id
where messages.event_id is null or tables.event_id is null
group by 1, 2
