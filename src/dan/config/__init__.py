"""Settings and recipes: the typed, strict description of a whole training run.

Recipes that come with the package lie in `recipes/`.
"""
