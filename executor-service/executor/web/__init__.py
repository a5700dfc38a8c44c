"""The executor over HTTP: thin handlers from declared operations to what carries them out."""
