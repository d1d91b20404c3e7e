"""Foundations of all other packages: arrays and their check at the door, errors, atomic files, progress.

Imports nothing of ours.
"""
