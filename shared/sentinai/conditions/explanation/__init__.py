"""Conditions in words, with the actual values."""
