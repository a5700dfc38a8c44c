"""The database: engine, tables, tenant sessions and prepared statements."""
