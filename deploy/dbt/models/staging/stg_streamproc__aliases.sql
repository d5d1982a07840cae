{{ streamproc.stage(source('streamproc', 'aliases'), streamproc.standard_columns() + [
    ('previous_id', 'previous_id', 'text'),
]) }}
