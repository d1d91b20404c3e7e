"""Classical signal processing on ``[*, T]``: filters, shrinkage, gating and the fit of sines.

What a denoiser is measured beside.
"""
