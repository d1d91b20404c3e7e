"""Clean signals and noise drawn from a recipe, and their mixing at an SNR.

Every draw follows from a numpy generator.
"""
