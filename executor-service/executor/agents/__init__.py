"""The five agents: deterministic, driven by the packs; they propose and log, and never stand in for a person."""
