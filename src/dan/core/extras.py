"""Optional packages: imported where they are needed, or the command that installs them."""

from __future__ import annotations

import importlib
from typing import Any

from dan.core.errors import DanError


def require(module: str, *, extra: str, what: object = None) -> Any:
    """Import an optional package.

    Args:
        module: its name as in an import, as ``wfdb`` or ``torch.utils.tensorboard``.
        extra: the extra of this package that installs it, as ``biosignals``.
        what: the file or option that takes it, for the message.

    Raises:
        DanError: if it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a library of the system's that it stands on
        name = (getattr(error, "name", None) or module).partition(".")[0]
        rule = "it is not installed" if what is None else f"it takes {name}, which is not installed"
        raise DanError(name if what is None else what, rule, f"Run {install(extra)}") from error


def install(extra: str) -> str:
    """Return the command that installs an extra of this package, as ``pip install 'dan-denoiser[train]'``."""
    return f"pip install 'dan-denoiser[{extra}]'"
