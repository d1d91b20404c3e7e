"""Work of the commands, callable from Python.

Neither prints nor exits; a module a command.
"""
