{{ streamproc.stage(source('streamproc', 'users'), [
    ('id', 'user_id', 'text'),
    ('received_at', 'received_at', 'time'),
    ('uuid_ts', 'loaded_at', 'time'),
]) }}
