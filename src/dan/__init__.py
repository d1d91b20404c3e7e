"""DAN, the Denoising Adversarial Network: a small denoiser that you train on your own 1-D signals.

``denoiser = dan.load("RUN")`` and then ``clean = denoiser(noisy, sample_rate=256)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dan.core.version import __version__

__all__ = ["DanError", "Denoiser", "__version__", "load"]

if TYPE_CHECKING:
    from dan.core.errors import DanError
    from dan.inference.denoiser import Denoiser, load


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import dan` costs nothing."""
    import importlib

    home = {
        "Denoiser": "dan.inference.denoiser",
        "load": "dan.inference.denoiser",
        "DanError": "dan.core.errors",
    }.get(name)
    if home is None:
        raise AttributeError(f"module 'dan' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
