"""A tenant's catalogue as a folder of files, out and in again, so that it can live in a repository."""
