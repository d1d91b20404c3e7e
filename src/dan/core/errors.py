"""The errors that users see. It imports nothing, so that the command line starts at once."""

from __future__ import annotations


class DanError(Exception):
    """The input, file or setting is wrong: says what, the rule it broke and the way out.

    Args:
        what: the thing and its value, as ``sample_rate_hz=100`` or a file's path.
        rule: the rule that it broke.
        way_out: what to do about it: a flag, a legal value, a command.
    """

    def __init__(self, what: object, rule: str, way_out: str) -> None:
        super().__init__(f"{what}: {rule}. {way_out}.")
        self.what, self.rule, self.way_out = str(what), rule, way_out

    def __reduce__(self) -> tuple[type[DanError], tuple[str, str, str]]:
        """Pickle its parts: an error may come from another process."""
        return type(self), (self.what, self.rule, self.way_out)

    def renamed(self, names: dict[str, str]) -> DanError:
        """Return the error with names put in the place of others, as those of files that stand for pipes."""
        return type(self)(*(renamed(part, names) for part in (self.what, self.rule, self.way_out)))


class ParameterError(DanError, ValueError):
    """An argument is wrong: a signal, a rate or a band that no call may have; also a `ValueError`."""


def renamed(text: str, names: dict[str, str]) -> str:
    """Return a text with names put in the place of others."""
    for name, shown in names.items():
        text = text.replace(name, shown)
    return text
