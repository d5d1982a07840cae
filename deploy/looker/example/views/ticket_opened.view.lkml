# Made by `streamproc lookml` from the warehouse's tables, and overwritten by it.
# Refine views in files of your own: view: +tracks { … }

view: ticket_opened {
  sql_table_name: STREAMPROC.EVENTS."TICKET_OPENED" ;;

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

  dimension: event {
    type: string
    sql: ${TABLE}."EVENT" ;;
    description: "Name of the event's own table."
  }

  dimension: event_text {
    type: string
    sql: ${TABLE}."EVENT_TEXT" ;;
    description: "Name of the event as it was sent."
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

  dimension: count {
    type: number
    sql: ${TABLE}."COUNT" ;;
  }

  dimension: message {
    type: string
    sql: ${TABLE}."MESSAGE" ;;
    description: "Personal data (EMAIL_ADDRESS), tokenised."
    tags: ["pii", "EMAIL_ADDRESS", "tokenised"]
  }

  dimension: subject {
    type: string
    sql: ${TABLE}."SUBJECT" ;;
  }

  dimension_group: uuid_ts {
    type: time
    timeframes: [raw, time, hour, date, week, month, quarter, year]
    sql: ${TABLE}."UUID_TS" ;;
    hidden: yes
    description: "When the loader wrote the row."
  }

  measure: count_ {
    type: count
  }

  measure: identity_count {
    type: count_distinct
    sql: ${identity_id} ;;
    description: "How many persons, as far as they are known."
  }
}
