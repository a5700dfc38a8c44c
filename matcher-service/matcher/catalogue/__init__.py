"""The catalogue as the matcher keeps it: read from the database, compiled, cached by revision."""
