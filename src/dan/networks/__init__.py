"""Generators and discriminators, written once for training and for export.

A generator maps ``[B, C, T]`` to the same shape; `factory` builds one from its settings.
"""
