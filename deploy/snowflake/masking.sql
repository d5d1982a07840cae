-- Who sees what: after setup.sql, by somebody who may use ACCOUNTADMIN. Needs Enterprise Edition.
--
-- Events are redacted before they come here, so this is the second line. It hides tokens from those
-- who need not follow a person: they see a hash of it, which still joins and counts. It hides whole
-- columns that are tagged 'hidden', such as free text where something may have been missed.
--
-- The tag is on the schema: new tables, and columns that become wider (which are new ones), are
-- under the policies from the moment they are there. The loader sees all, or could not tell
-- duplicates.

USE ROLE ACCOUNTADMIN;
USE SCHEMA STREAMPROC.EVENTS;

CREATE TAG IF NOT EXISTS STREAMPROC_PRIVACY
  ALLOWED_VALUES 'tokens', 'hidden', 'open'
  COMMENT = 'tokens: hashed for readers, hidden: NULL for readers, open: as it is';

CREATE MASKING POLICY IF NOT EXISTS STREAMPROC_TEXT AS (val VARCHAR) RETURNS VARCHAR ->
  CASE
    WHEN IS_ROLE_IN_SESSION('STREAMPROC_PRIVILEGED') THEN val
    WHEN IS_ROLE_IN_SESSION('STREAMPROC_LOADER') THEN val
    WHEN SYSTEM$GET_TAG_ON_CURRENT_COLUMN('STREAMPROC.EVENTS.STREAMPROC_PRIVACY') = 'open' THEN val
    WHEN SYSTEM$GET_TAG_ON_CURRENT_COLUMN('STREAMPROC.EVENTS.STREAMPROC_PRIVACY') = 'hidden' THEN NULL
    WHEN REGEXP_LIKE(val, '^tok_[0-9A-Za-z]{1,16}_[a-p]{32}$') THEN SHA2(val, 256)
    ELSE REGEXP_REPLACE(val, 'tok_[0-9A-Za-z]{1,16}_[a-p]{32}', 'tok')
  END;

CREATE MASKING POLICY IF NOT EXISTS STREAMPROC_DOCUMENT AS (val VARIANT) RETURNS VARIANT ->
  CASE
    WHEN IS_ROLE_IN_SESSION('STREAMPROC_PRIVILEGED') THEN val
    WHEN IS_ROLE_IN_SESSION('STREAMPROC_LOADER') THEN val
    WHEN SYSTEM$GET_TAG_ON_CURRENT_COLUMN('STREAMPROC.EVENTS.STREAMPROC_PRIVACY') = 'open' THEN val
    WHEN SYSTEM$GET_TAG_ON_CURRENT_COLUMN('STREAMPROC.EVENTS.STREAMPROC_PRIVACY') = 'hidden' THEN NULL
    ELSE PARSE_JSON(REGEXP_REPLACE(TO_JSON(val), 'tok_[0-9A-Za-z]{1,16}_[a-p]{32}', 'tok'))
  END;

ALTER TAG STREAMPROC_PRIVACY SET
  MASKING POLICY STREAMPROC_TEXT,
  MASKING POLICY STREAMPROC_DOCUMENT;

ALTER SCHEMA STREAMPROC.EVENTS SET TAG STREAMPROC_PRIVACY = 'tokens';

-- Columns to hide from readers, one by one. These are there from the first load on:
ALTER TABLE DISCARDS MODIFY COLUMN SEALED SET TAG STREAMPROC_PRIVACY = 'hidden';
ALTER TABLE STREAMPROC_DELETIONS MODIFY COLUMN TOKEN SET TAG STREAMPROC_PRIVACY = 'hidden';
ALTER TABLE STREAMPROC_DELETIONS MODIFY COLUMN RECEIPT SET TAG STREAMPROC_PRIVACY = 'hidden';

-- Which column has which value, and where it comes from:
-- SELECT * FROM TABLE(INFORMATION_SCHEMA.TAG_REFERENCES_ALL_COLUMNS('STREAMPROC.EVENTS.USERS', 'table'));
