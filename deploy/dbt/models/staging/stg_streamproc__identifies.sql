{{ streamproc.stage(source('streamproc', 'identifies'), streamproc.standard_columns()) }}
