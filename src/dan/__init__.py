"""DAN, the Denoising Adversarial Network: a small denoiser that you train on your own 1-D signals.

``denoiser = dan.load("RUN")`` and then ``clean = denoiser(noisy, sample_rate=256)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dan.core.version import __version__

if TYPE_CHECKING:
    from dan._face import (
        denoise,
        denoise_file,
        evaluate,
        list_models,
        list_recipes,
        read,
        train,
    )
    from dan.core.errors import DanError
    from dan.evaluation.table import Table
    from dan.inference.denoiser import Denoiser, load

__all__ = [
    "DanError",
    "Denoiser",
    "Table",
    "__version__",
    "denoise",
    "denoise_file",
    "evaluate",
    "list_models",
    "list_recipes",
    "load",
    "read",
    "train",
]

_HOMES = {
    "DanError": "dan.core.errors",
    "Denoiser": "dan.inference.denoiser",
    "Table": "dan.evaluation.table",
    "load": "dan.inference.denoiser",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import dan` costs nothing."""
    import importlib

    if name not in __all__:
        raise AttributeError(f"module 'dan' has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOMES.get(name, "dan._face")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
