"""Work on more than one machine, by Ray.

What runs on a worker is what runs here; this package says where, looks after what is lost, and keeps account.
"""
