{{ streamproc.stage(source('streamproc', 'groups'), streamproc.standard_columns() + [
    ('group_id', 'group_id', 'text'),
]) }}
