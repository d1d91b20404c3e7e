"""Metrics of an estimate, one value a signal: ``[*, T] -> [*]``, in float64.

`registry` says which figures judge which kind of signal.
"""
