"""The score table: a denoiser beside the noisy input, classical filters and the theoretical limit.

Every figure is of held-out signals.
"""
