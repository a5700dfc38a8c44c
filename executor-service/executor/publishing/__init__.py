"""Publishing: what authors hand in is checked as a whole, then stored as the next version."""
