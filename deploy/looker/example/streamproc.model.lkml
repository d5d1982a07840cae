# Made by `streamproc lookml` from the warehouse's tables, and overwritten by it.
# Refine views in files of your own: view: +tracks { … }

connection: "streamproc"
include: "views/*.view.lkml"

explore: tracks {
  join: users {
    type: left_outer
    relationship: many_to_one
    sql_on: ${tracks.user_id} = ${users.id} ;;
  }
  join: order_completed {
    type: left_outer
    relationship: one_to_one
    sql_on: ${tracks.id} = ${order_completed.id} ;;
  }
  join: ticket_opened {
    type: left_outer
    relationship: one_to_one
    sql_on: ${tracks.id} = ${ticket_opened.id} ;;
  }
}

explore: identifies {
  join: users {
    type: left_outer
    relationship: many_to_one
    sql_on: ${identifies.user_id} = ${users.id} ;;
  }
}

explore: pages {
  join: users {
    type: left_outer
    relationship: many_to_one
    sql_on: ${pages.user_id} = ${users.id} ;;
  }
}

explore: screens {
  join: users {
    type: left_outer
    relationship: many_to_one
    sql_on: ${screens.user_id} = ${users.id} ;;
  }
}

explore: groups {
  join: users {
    type: left_outer
    relationship: many_to_one
    sql_on: ${groups.user_id} = ${users.id} ;;
  }
}

explore: aliases {
  join: users {
    type: left_outer
    relationship: many_to_one
    sql_on: ${aliases.user_id} = ${users.id} ;;
  }
}
