"""Batches to train and validate on: from data folders, from recordings, or drawn afresh.

Splits come first: what validates is never trained on.
"""
