"""The executor over HTTP: each handler is a declared operation that calls the service layer."""
