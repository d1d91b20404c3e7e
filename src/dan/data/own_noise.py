"""Noise that belongs to a recording by its name: that of its own station, cage or electrode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from dan.data.crop import Crops
from dan.data.index import SHORTEST_SAMPLES, Corpus, IndexEntry
from dan.data.split import Sides

Owned = Mapping[str, frozenset[str]]
"""Names of the noise of each noisy recording, by its name."""
HELD_OUT_SHARE = 0.1
"""Share held out of each noise that belongs to recordings on both sides: files, or the end of one file."""


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
        keys = (entry.plain_name, _stem(entry), entry.folder)
        key = next((key for key in keys if key in known), None)
        if key is None:
            return None
        found[entry.name] = frozenset(known[key])
    return found if len(set(found.values())) > 1 else None


def split_owned(heard: Sides, noise: Corpus, owned: Owned) -> Sides | None:
    """Split noise that belongs to recordings: as these are, or where both sides hear it, each in itself.

    Args:
        heard: the recordings.
        noise: the noise of all of them.
        owned: whose noise is which.

    Returns:
        Both sides; None if a noise that is heard on both is too short to be cut.
    """
    return _follow(heard, noise, owned) or _cut_each(noise, owned)


def _follow(heard: Sides, noise: Corpus, owned: Owned) -> Sides | None:
    """Split noise as its recordings are split; None if a noise belongs to both sides."""
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


def _cut_each(noise: Corpus, owned: Owned) -> Sides | None:
    """The last part of each noise of its own for validation, of a single file in time."""
    train, validation = list[IndexEntry](), list[IndexEntry]()
    for names in sorted(map(sorted, set(owned.values()))):
        files = [entry for entry in noise.entries if entry.name in names]
        last = max(1, round(HELD_OUT_SHARE * len(files)))
        if len(files) == 1:
            (file,) = files
            cut = file.stop - round(HELD_OUT_SHARE * file.length_samples)
            if min(cut - file.start, file.stop - cut) < SHORTEST_SAMPLES:
                return None
            files = [replace(file, stop=cut), replace(file, start=cut)]
        train += files[:-last]
        validation += files[-last:]
    one, other = (Corpus(noise.folder, tuple(side)) for side in (train, validation))
    words = "each recording is heard with the noise of its own name, held out for validation the last of each"
    return Sides(one, other, f"{noise.folder}: {words}")


def grouped(noisy: Corpus, crops: Crops, noise: Crops, owned: Owned | None) -> list[tuple[Crops, Crops]]:
    """Stretches of recordings and of the noise that goes with them: of each its own, or of all any."""
    if owned is None:
        return [(crops, noise)]
    return [(crops.part({entry.name}), noise.part(owned[entry.name])) for entry in noisy.entries]


def _stem(entry: IndexEntry) -> str:
    return entry.name.rpartition(".")[0]
