"""Conditions in words, with the values they met."""
