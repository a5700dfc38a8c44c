"""Verification of a database: that what is stored is what was written, and by whom."""
