"""The command line: a file a command, which parses, calls and prints.

Nothing heavy is imported before a command needs it.
"""
