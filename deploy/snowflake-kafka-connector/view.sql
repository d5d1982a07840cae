-- The rows as they are meant: each message once, times as times, the event as a document.
--
-- Of the rows of one message the last correction counts, else the first row. They are all in one
-- partition, since a message is always sent with the same key, so their offsets tell which is which.
CREATE OR REPLACE VIEW STREAMPROC_EVENTS AS
SELECT
    MESSAGE_ID,
    TYPE,
    EVENT,
    USER_ID,
    ANONYMOUS_ID,
    IDENTITY_ID,
    TO_TIMESTAMP_NTZ(ORIGINAL_TIMESTAMP, 6) AS ORIGINAL_TIMESTAMP,
    TO_TIMESTAMP_NTZ(SENT_AT, 6) AS SENT_AT,
    TO_TIMESTAMP_NTZ(RECEIVED_AT, 6) AS RECEIVED_AT,
    TO_TIMESTAMP_NTZ(TIMESTAMP, 6) AS TIMESTAMP,
    PARSE_JSON(PAYLOAD) AS PAYLOAD,
    MANIFEST AS REDACTION_MANIFEST,
    VIOLATIONS AS TRACKING_PLAN_VIOLATIONS,
    RULESET,
    SOURCE_TOPIC,
    SOURCE_PARTITION,
    SOURCE_OFFSET
FROM STREAMPROC_ROWS
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY MESSAGE_ID
    ORDER BY
        CORRECTION DESC,
        CASE
            WHEN CORRECTION THEN -RECORD_METADATA:offset::NUMBER
            ELSE RECORD_METADATA:offset::NUMBER
        END
) = 1;
