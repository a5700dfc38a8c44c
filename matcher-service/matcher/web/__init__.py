"""The matcher's operations over HTTP."""
