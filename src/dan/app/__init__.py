"""The page of `dan app`: denoise, train and compare in a browser, on this machine alone.

Everything that computes is a `dan` command in a process of its own, which the page starts and watches.
"""
