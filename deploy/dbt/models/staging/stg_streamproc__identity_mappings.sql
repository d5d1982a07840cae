{{ streamproc.stage(source('streamproc', 'identity_mappings'), [
    ('token', 'token', 'text'),
    ('kind', 'token_kind', 'text'),
    ('identity_id', 'identity_id', 'text'),
    ('valid_from', 'valid_from', 'time'),
    ('uuid_ts', 'loaded_at', 'time'),
]) }}
