"""Data folders on disk: layout, creation, reading, verification and previews.

The layout is that of the contract: clean, noise and mixed of either side.
"""
