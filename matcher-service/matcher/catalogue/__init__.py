"""A tenant's catalogue in the matcher: read from the database, compiled, and cached by revision."""
