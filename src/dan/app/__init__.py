"""The page of `dan app`: denoise, train and compare in a browser, on this machine alone.

Everything that computes is a `dan` command in a process of its own; the page starts it and shows what it left.
"""
