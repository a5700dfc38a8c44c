"""Placeholder templates and their format specs."""
