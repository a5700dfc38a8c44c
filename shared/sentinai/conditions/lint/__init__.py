"""Warnings about conditions that are valid, but may not mean what their author intended."""
