"""The executor's database: its tables, queries and migrations."""
