-- What streamproc needs in Snowflake: once, by somebody who may use ACCOUNTADMIN.
-- Change names here and in streamproc.toml alike; every statement can be run again.

USE ROLE SYSADMIN;

-- The virtual warehouse that loads. A batch every five minutes takes it some ten seconds; it sleeps
-- in between, and is charged for a minute each time that it wakes.
CREATE WAREHOUSE IF NOT EXISTS STREAMPROC_LOADING
  WAREHOUSE_SIZE = XSMALL
  AUTO_SUSPEND = 60
  AUTO_RESUME = TRUE
  INITIALLY_SUSPENDED = TRUE
  STATEMENT_TIMEOUT_IN_SECONDS = 900
  COMMENT = 'streamproc loads with this one, and nobody else';

CREATE DATABASE IF NOT EXISTS STREAMPROC;

-- With managed access, so that who owns a table (the loader) cannot give access to it.
-- One day of Time Travel: what was erased can be had for that long, and for seven days of
-- Fail-safe by Snowflake's support. CREATE TRANSIENT SCHEMA has no Fail-safe.
CREATE SCHEMA IF NOT EXISTS STREAMPROC.EVENTS
  WITH MANAGED ACCESS
  DATA_RETENTION_TIME_IN_DAYS = 1;

USE ROLE USERADMIN;

CREATE ROLE IF NOT EXISTS STREAMPROC_LOADER COMMENT = 'makes and fills the tables';
CREATE ROLE IF NOT EXISTS STREAMPROC_READER COMMENT = 'reads the tables, tokens masked';
CREATE ROLE IF NOT EXISTS STREAMPROC_PRIVILEGED COMMENT = 'reads the tables as they are';

-- A service: no password, no browser. openssl genrsa 2048 | openssl pkcs8 -topk8 -inform PEM -out
-- rsa_key.p8, then openssl rsa -in rsa_key.p8 -pubout, and its lines without the first and last:
CREATE USER IF NOT EXISTS STREAMPROC_LOADER
  TYPE = SERVICE
  RSA_PUBLIC_KEY = 'put the public key here'
  DEFAULT_ROLE = STREAMPROC_LOADER
  DEFAULT_WAREHOUSE = STREAMPROC_LOADING
  COMMENT = 'streamproc load';

USE ROLE SECURITYADMIN;

GRANT ROLE STREAMPROC_LOADER TO USER STREAMPROC_LOADER;
GRANT ROLE STREAMPROC_LOADER TO ROLE SYSADMIN;
GRANT ROLE STREAMPROC_READER TO ROLE SYSADMIN;
GRANT ROLE STREAMPROC_READER TO ROLE STREAMPROC_PRIVILEGED;

-- The loader: makes tables and a stage in the one schema, and owns what it makes.
GRANT USAGE ON WAREHOUSE STREAMPROC_LOADING TO ROLE STREAMPROC_LOADER;
GRANT USAGE ON DATABASE STREAMPROC TO ROLE STREAMPROC_LOADER;
GRANT USAGE, CREATE TABLE, CREATE STAGE ON SCHEMA STREAMPROC.EVENTS TO ROLE STREAMPROC_LOADER;

-- Readers bring a virtual warehouse of their own.
GRANT USAGE ON DATABASE STREAMPROC TO ROLE STREAMPROC_READER;
GRANT USAGE ON SCHEMA STREAMPROC.EVENTS TO ROLE STREAMPROC_READER;
GRANT SELECT ON ALL TABLES IN SCHEMA STREAMPROC.EVENTS TO ROLE STREAMPROC_READER;
GRANT SELECT ON FUTURE TABLES IN SCHEMA STREAMPROC.EVENTS TO ROLE STREAMPROC_READER;

-- What loading may cost in a month; past that the loader waits, and Kafka keeps the rows.
USE ROLE ACCOUNTADMIN;
CREATE RESOURCE MONITOR IF NOT EXISTS STREAMPROC_LOADING
  WITH CREDIT_QUOTA = 300
  FREQUENCY = MONTHLY
  START_TIMESTAMP = IMMEDIATELY
  TRIGGERS ON 80 PERCENT DO NOTIFY
           ON 100 PERCENT DO SUSPEND;
ALTER WAREHOUSE STREAMPROC_LOADING SET RESOURCE_MONITOR = STREAMPROC_LOADING;
