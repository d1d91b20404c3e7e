"""The training loop over one typed state, its checkpoints, schedules and diagnostics.

The same call resumes exactly.
"""
