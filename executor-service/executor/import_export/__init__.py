"""Export of a tenant's catalogue to a folder of files and import from it, so that it can be version-controlled."""
