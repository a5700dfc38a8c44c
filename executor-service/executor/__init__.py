"""The executor: owns exceptions, playbooks, step state and the event log."""

__version__ = "0.7.0"
