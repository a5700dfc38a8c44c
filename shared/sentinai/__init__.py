"""Shared by the matcher and the executor: the condition language, documents, database and HTTP layer."""
