"""The matcher: which playbook fits this exception, and why?"""

__version__ = "0.7.0"
