"""JSON documents: strict parsing, and validation by the shared schemas."""
