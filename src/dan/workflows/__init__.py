"""What a command does around the work itself, callable from Python.

Neither prints nor exits; a module a command.
"""
