{{ streamproc.stage(source('streamproc', 'tracks'), streamproc.standard_columns() + [
    ('event', 'event', 'text'),
    ('event_text', 'event_text', 'text'),
]) }}
