"""What the rows look like: tables, columns and their values, gathered into Arrow frames."""
