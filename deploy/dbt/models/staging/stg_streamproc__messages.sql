{{ streamproc.stage(source('streamproc', 'streamproc_messages'), [
    ('id', 'event_id', 'text'),
    ('type', 'event_type', 'text'),
    ('event_table', 'event_table', 'text'),
    ('anonymous_id', 'anonymous_id', 'text'),
    ('user_id', 'user_id', 'text'),
    ('identity_id', 'loaded_identity_id', 'text'),
    ('received_at', 'received_at', 'time'),
    ('loaded_at', 'loaded_at', 'time'),
]) }}
