"""The executor: owns exceptions, playbooks, step state and the event log."""
