{{ streamproc.stage(source('streamproc', 'pages'), streamproc.standard_columns() + [
    ('name', 'page_name', 'text'),
    ('path', 'path', 'text'),
    ('url', 'url', 'text'),
    ('title', 'title', 'text'),
    ('referrer', 'referrer', 'text'),
    ('search', 'search', 'text'),
]) }}
