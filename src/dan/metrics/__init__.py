"""How good an estimate is: figures of each signal over time, ``[*, T] -> [*]``, in float64.

`registry` says which figures judge which kind of signal.
"""
