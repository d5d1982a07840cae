# Made by `streamproc lookml` from the warehouse's tables, and overwritten by it.
# Refine views in files of your own: view: +tracks { … }

view: identifies {
  sql_table_name: STREAMPROC.EVENTS."IDENTIFIES" ;;

  dimension: id {
    primary_key: yes
    type: string
    sql: ${TABLE}."ID" ;;
    description: "The event's message id."
  }

  dimension: anonymous_id {
    type: string
    sql: ${TABLE}."ANONYMOUS_ID" ;;
    description: "The device or browser."
    tags: ["pii", "DEVICE_ID"]
  }

  dimension: user_id {
    type: string
    sql: ${TABLE}."USER_ID" ;;
    description: "The user; empty before they are known."
    tags: ["pii", "USER_ID"]
  }

  dimension_group: received {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."RECEIVED_AT" ;;
    description: "When the server received it."
  }

  dimension_group: sent {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."SENT_AT" ;;
    hidden: yes
    description: "When it was sent, by the device's clock."
  }

  dimension_group: original_timestamp {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."ORIGINAL_TIMESTAMP" ;;
    hidden: yes
    description: "When it happened, by the device's clock."
  }

  dimension_group: timestamp {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."TIMESTAMP" ;;
    description: "When it happened, by the server's clock."
  }

  dimension: identity_id {
    type: string
    sql: ${TABLE}."IDENTITY_ID" ;;
    description: "Token of the person, as far as known when the event was processed."
    tags: ["pii", "IDENTITY", "tokenised"]
  }

  dimension: account_id {
    type: string
    sql: ${TABLE}."ACCOUNT_ID" ;;
    description: "Token of the account that the person belongs to, or that the event names."
  }

  dimension: identity_resolved_by {
    type: string
    sql: ${TABLE}."IDENTITY_RESOLVED_BY" ;;
    description: "What showed who it was: user_id, alias, anonymous_id or trait; empty where nothing did."
  }

  dimension_group: identity_resolved {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."IDENTITY_RESOLVED_AT" ;;
    hidden: yes
    description: "When the link was stated that showed who it was; empty where the event's own id did."
  }

  dimension: ruleset {
    type: string
    sql: ${TABLE}."RULESET" ;;
    hidden: yes
    description: "Fingerprint of the ruleset that redacted the event."
  }

  dimension: redaction_manifest {
    type: string
    sql: ${TABLE}."REDACTION_MANIFEST" ;;
    hidden: yes
    description: "What was redacted: paths, entities, rules; no values."
  }

  dimension: tracking_plan_violations {
    type: string
    sql: ${TABLE}."TRACKING_PLAN_VIOLATIONS" ;;
    hidden: yes
    description: "Where the event is not as the tracking plan has it."
  }

  dimension: context_ip {
    type: string
    sql: ${TABLE}."CONTEXT_IP" ;;
    description: "Personal data (IP_ADDRESS), tokenised."
    tags: ["pii", "IP_ADDRESS", "tokenised"]
  }

  dimension: context_passed_ip {
    type: string
    sql: ${TABLE}."CONTEXT_PASSED_IP" ;;
    description: "Personal data (IP_ADDRESS), tokenised."
    tags: ["pii", "IP_ADDRESS", "tokenised"]
  }

  dimension_group: created {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."CREATED_AT" ;;
  }

  dimension: email {
    type: string
    sql: ${TABLE}."EMAIL" ;;
    description: "Personal data (EMAIL_ADDRESS), tokenised."
    tags: ["pii", "EMAIL_ADDRESS", "tokenised"]
  }

  dimension: first_name {
    type: string
    sql: ${TABLE}."FIRST_NAME" ;;
    description: "Personal data (PERSON), tokenised."
    tags: ["pii", "PERSON", "tokenised"]
  }

  dimension: phone {
    type: string
    sql: ${TABLE}."PHONE" ;;
    description: "Personal data (PHONE_NUMBER), tokenised."
    tags: ["pii", "PHONE_NUMBER", "tokenised"]
  }

  dimension: plan {
    type: string
    sql: ${TABLE}."PLAN" ;;
  }

  dimension_group: uuid_ts {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."UUID_TS" ;;
    hidden: yes
    description: "When the loader wrote the row."
  }

  measure: count {
    type: count
  }

  measure: identity_count {
    type: count_distinct
    sql: ${identity_id} ;;
    description: "How many persons, as far as they are known."
  }
}
