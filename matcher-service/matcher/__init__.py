"""The matcher: which playbook fits this exception, and why?"""
