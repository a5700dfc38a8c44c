"""What the executor keeps: tables, queries, migrations; nothing above it knows SQL."""
