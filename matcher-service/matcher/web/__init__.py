"""The matcher's HTTP operations."""
