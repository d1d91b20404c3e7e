"""Noise that belongs to a recording by its name: that of its own station, cage or electrode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from dan.data.crop import Crops
from dan.data.index import Corpus, Entry
from dan.data.split import Sides

Owned = Mapping[str, frozenset[str]]
"""Names of the noise of each noisy recording, by its name."""


def own_noise(noisy: Corpus, noise: Corpus) -> Owned | None:
    """Find the noise of each noisy recording: a file of its name, or a folder of its name or its folder's.

    Args:
        noisy: the recordings.
        noise: the noise of all of them.

    Returns:
        The noise's names by the recordings'; None unless each recording has some and they are not all one.
    """
    known: dict[str, set[str]] = defaultdict(set)
    for entry in noise.entries:
        known[entry.folder or _stem(entry)].add(entry.name)
    found = {}
    for entry in noisy.entries:
        keys = (entry.name.replace(".", "_"), _stem(entry), entry.folder)
        key = next((key for key in keys if key in known), None)
        if key is None:
            return None
        found[entry.name] = frozenset(known[key])
    return found if len(set(found.values())) > 1 else None


def follow_noise(heard: Sides, noise: Corpus, owned: Owned) -> Sides | None:
    """Split noise as the recordings are that it belongs to; None if these are split in time."""
    parts = [
        frozenset().union(*(owned[entry.name] for entry in side.entries))
        for side in (heard.train, heard.validation)
    ]
    if parts[0] & parts[1]:
        return None
    train, validation = (
        Corpus(noise.folder, tuple(entry for entry in noise.entries if entry.name in names))
        for names in parts
    )
    return Sides(train, validation, f"{noise.folder}: each recording is heard with the noise of its own name")


def grouped(noisy: Corpus, crops: Crops, noise: Crops, owned: Owned | None) -> list[tuple[Crops, Crops]]:
    """Stretches of recordings and of the noise that goes with them: of each its own, or of all any."""
    if owned is None:
        return [(crops, noise)]
    return [(crops.part({entry.name}), noise.part(owned[entry.name])) for entry in noisy.entries]


def _stem(entry: Entry) -> str:
    return entry.name.rpartition(".")[0]
