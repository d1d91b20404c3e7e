"""Recordings of every format, read and written block by block.

A module a format; `recordings` opens whichever a file is.
"""
