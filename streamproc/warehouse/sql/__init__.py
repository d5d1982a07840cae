"""What a SQL warehouse is told: the statements of schema, rows, users and deletions."""
