"""The worker: recalculates expired recommendations, delivers the outbox, and removes what is no longer needed.

``loop`` runs the jobs of the other modules. Any number of workers may run on one database.
"""
