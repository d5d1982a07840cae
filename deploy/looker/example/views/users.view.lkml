# Made by `streamproc lookml` from the warehouse's tables, and overwritten by it.
# Refine views in files of your own: view: +tracks { … }

view: users {
  sql_table_name: STREAMPROC.EVENTS."USERS" ;;

  dimension: id {
    primary_key: yes
    type: string
    sql: ${TABLE}."ID" ;;
    description: "The event's message id."
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

  dimension: ruleset {
    type: string
    sql: ${TABLE}."RULESET" ;;
    hidden: yes
    description: "Fingerprint of the ruleset that redacted the event."
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
