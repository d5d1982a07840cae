{{ streamproc.stage(source('streamproc', 'screens'), streamproc.standard_columns() + [
    ('name', 'screen_name', 'text'),
]) }}
