"""Publishing: validates playbooks and packs, and stores them as the next version."""
