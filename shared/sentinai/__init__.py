"""What the matcher and the executor mean by the same words."""
