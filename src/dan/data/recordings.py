"""Opens folders of recordings for training: indexed, split, and ready to draw mixtures of either side."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dan.config import AugmentationSettings, Recipe, bounds
from dan.core.errors import DanError
from dan.data.crop import NOISE, Concatenation, Crops
from dan.data.index import Corpus, check_distinct, index
from dan.data.mixer import Drawing, Mixer, PairMixer
from dan.data.own_noise import grouped, own_noise, split_owned
from dan.data.split import Sides, check_pairs, follow, halve, pair, split
from dan.data.takes import FreshTakesMixer, NoisierMixer, RemixMixer, TakesMixer

Half = Literal[0, 1]
HALVES: tuple[Half, Half] = (0, 1)
SideMixers = tuple[Drawing, Drawing, list[str]]
"""The mixers of training and validation, and what was held out."""

SPLIT = 20
"""Key of a stream of random numbers of its own."""
LEAST_SIGNALS = 3
"""Validation signals that what is held out lasts, where there is enough of it."""
FADE_S = 0.004
"""Concatenated clean recordings fade in and out, so that they do not click."""


@dataclass(frozen=True)
class Material:
    """Two sides that share no recording."""

    train: Drawing
    validation: Drawing
    """Its mixtures are not varied."""
    notes: tuple[str, ...]
    """Notes on what was left out, held out or upsampled, in a sentence each."""
    digest: str
    """Digest of all recordings: it tells whether they are still the same."""


def open_material(
    recipe: Recipe,
    *,
    clean: Path,
    noise: Path | None = None,
    noisy: Path | None = None,
    sample_rate_hz: float | None = None,
    cache: Path | None = None,
) -> Material:
    """Open folders of clean recordings and of noise, or of clean and noisy ones that belong together.

    Args:
        recipe: its seed and its sections signal, noise, recordings and augmentation are used.
        clean: a folder of clean recordings.
        noise: a folder of noise; without one, the noise is what the recipe synthesises.
        noisy: instead of noise, a folder of noisy recordings with the names of the clean ones.
        sample_rate_hz: of .npy arrays, in Hz.
        cache: a folder in which long folders of compressed files are kept decoded; without one they are not.

    Raises:
        DanError: if a folder or a recording is wrong, they cannot be split, or one is on both sides or is
            both clean and noise.
    """
    if noise is not None and noisy is not None:
        raise DanError("--noise and --noisy", "noise is mixed in, noisy holds it already", "Give one of them")
    other = noise if noisy is None else noisy
    folders = [clean] if other is None else [clean, other]
    corpora = indexed(recipe, folders, sample_rate_hz)
    first, *others = corpora
    opened = _paired(recipe, cache, first, *others) if noisy else _mixed(recipe, cache, first, *others)
    return _material(recipe, corpora, opened)


def open_takes(
    recipe: Recipe,
    *,
    noisy: Path,
    noise: Path | None = None,
    second_take: Path | None = None,
    sample_rate_hz: float | None = None,
    cache: Path | None = None,
    half: Half | None = None,
) -> Material:
    """Open folders of noisy recordings and of noise, or of two takes that belong together: nothing is clean.

    Args:
        recipe: its seed and its sections signal, recordings and augmentation are used.
        noisy: a folder of noisy recordings.
        noise: a folder of noise of the same kind, at any level.
        second_take: instead of noise, a folder of recordings of the same signals and names, with noise of
            their own.
        sample_rate_hz: of .npy arrays, in Hz.
        cache: a folder in which long folders of compressed files are kept decoded; without one they are not.
        half: of the recordings to train on; None for all of them.

    Raises:
        DanError: as `open_material` does, and if both or none of noise and second take are given.
    """
    other = noise if second_take is None else second_take
    if other is None or (noise is not None and second_take is not None):
        raise DanError("--noise and --second-take", "one of them stands beside --noisy", "Give one of them")
    corpora = indexed(recipe, [noisy, other], sample_rate_hz)
    first, second = corpora
    opened = (_noisier if second_take is None else _takes)(recipe, cache, first, second, half=half)
    return _material(recipe, corpora, opened)


def open_outputs(recipe: Recipe, *, outputs: Path, noisy: Path, half: Half | None = None) -> Material:
    """Open folders of denoised recordings and of the noisy ones that they were made of, to learn from again.

    Args:
        recipe: its seed and its sections signal, recordings and augmentation are used.
        outputs: a folder of denoised recordings at the recipe's rate.
        noisy: the recordings before, by the same names.
        half: of the recordings to train on; None for all of them.

    Raises:
        DanError: as `open_material` does.
    """
    first, second = indexed(recipe, [outputs, noisy], recipe.signal.sample_rate_hz)
    train, validation, notes = _paired(recipe, None, first, second, half=half)
    return _material(recipe, [first, second], (RemixMixer(train), RemixMixer(validation), notes))


def heard_by_half(recipe: Recipe, noisy: Corpus) -> tuple[Corpus, Corpus]:
    """Recordings of each of the two halves that `open_takes` and `open_outputs` train on."""
    return halve(_sides(recipe, noisy, "clean_split").train)


def indexed(recipe: Recipe, folders: list[Path], sample_rate_hz: float | None) -> list[Corpus]:
    """Index folders of recordings, without those that are too short for the recipe."""
    shortest_s = _shortest_s(recipe)
    return [index(folder, sample_rate_hz=sample_rate_hz, shortest_s=shortest_s) for folder in folders]


def _material(recipe: Recipe, corpora: list[Corpus], opened: SideMixers) -> Material:
    train, validation, held_out = opened
    notes = [note for corpus in corpora for note in (*corpus.notes, *_upsampled(recipe, corpus))]
    digest = hashlib.sha256("".join(corpus.digest for corpus in corpora).encode()).hexdigest()
    return Material(train, validation, notes=(*notes, *held_out), digest=digest)


def _mixed(recipe: Recipe, cache: Path | None, clean: Corpus, noise: Corpus | None = None) -> SideMixers:
    if noise is not None:
        check_distinct(clean, noise)
    heard = _sides(recipe, clean, "clean_split")
    disturbed = None if noise is None else _sides(recipe, noise, "noise_split")
    mixers, notes = [], [heard.note, disturbed.note if disturbed else _synthesised(recipe)]
    for side, varied in _variations(recipe):
        crops = _clean_crops(recipe, getattr(heard, side), varied, cache)
        added = None
        if disturbed:
            added = _crops(recipe, getattr(disturbed, side), NOISE, skip_quiet=True, cache=cache)
        length = _length(recipe, side)
        mixers.append(Mixer(recipe, crops, added, length_samples=length, augmentation=varied))
        notes += _crop_notes(side, crops, added, length)
    return mixers[0], mixers[1], notes


def _synthesised(recipe: Recipe) -> str:
    simple = [*recipe.noise.colours, *(["hum"] if recipe.noise.hum_hz else [])]
    return f"without --noise: what is mixed in is synthesised ({', '.join(recipe.noise.kinds or simple)})"


def _paired(
    recipe: Recipe, cache: Path | None, clean: Corpus, noisy: Corpus, *, half: Half | None = None
) -> tuple[PairMixer, PairMixer, list[str]]:
    """Recordings of both kinds, the clean ones through the recipe's high-pass."""
    notes = check_pairs(clean, noisy)
    clean, noisy = pair(clean, noisy)
    sides = _sides(recipe, clean, "clean_split")
    mixers, notes = [], [*notes, sides.note]
    for side, varied in _variations(recipe):
        part = _part_of(sides, side, half)
        crops, other = (_clean_crops(recipe, corpus, varied, cache) for corpus in (part, follow(part, noisy)))
        other = other.above(0.0)
        length, centred = _length(recipe, side), recipe.recordings.remove_mean
        mixers.append(PairMixer(crops, other, length_samples=length, augmentation=varied, centred=centred))
        notes += _crop_notes(side, crops, other, length)
    return mixers[0], mixers[1], notes


def _noisier(
    recipe: Recipe, cache: Path | None, noisy: Corpus, noise: Corpus, *, half: Half | None = None
) -> SideMixers:
    check_distinct(noisy, noise, first="noisy", second="noise")
    highpass_hz = recipe.recordings.highpass_hz
    if highpass_hz:
        _check_highpass(highpass_hz, noisy)
        _check_highpass(highpass_hz, noise)
    heard, owned = _sides(recipe, noisy, "clean_split"), own_noise(noisy, noise)
    apart = split_owned(heard, noise, owned) if owned else None
    disturbed = apart or _sides(recipe, noise, "noise_split")
    mixers, notes = [], [heard.note, disturbed.note]
    for side, varied in _variations(recipe):
        part, length = _part_of(heard, side, half), _length(recipe, side)
        crops = _crops(recipe, part, NOISE, cache=cache)
        added = _crops(recipe, getattr(disturbed, side), NOISE, skip_quiet=True, cache=cache)
        pairs = grouped(part, crops, added, owned if apart else None)
        cutoff_hz, centred = highpass_hz, recipe.recordings.remove_mean
        if side == "validation":  # two takes of what is wanted
            pairs = [(one.above(cutoff_hz), other.above(cutoff_hz)) for one, other in pairs]
            cutoff_hz = 0.0
        mixers.append(
            NoisierMixer(
                pairs, length_samples=length, augmentation=varied, centred=centred, highpass_hz=cutoff_hz
            )
        )
        notes += _crop_notes(side, crops, added, length)
    return mixers[0], mixers[1], notes


def _takes(
    recipe: Recipe, cache: Path | None, first: Corpus, second: Corpus, *, half: Half | None = None
) -> SideMixers:
    """Two takes: inputs as they are, targets high-passed, and validated on what is high-passed alike."""
    cutoff_hz, centred = recipe.recordings.highpass_hz, recipe.recordings.remove_mean
    train, validation, notes = _paired(recipe, cache, first, second, half=half)
    targets = train.above(cutoff_hz) if cutoff_hz else None
    fresh = FreshTakesMixer(train.above(0.0), targets, centred=centred)
    validated = TakesMixer(validation.above(cutoff_hz), centred=centred)
    return fresh, validated, notes


def _part_of(sides: Sides, side: str, half: Half | None) -> Corpus:
    """One side, or half of the training side; the validation side is whole in any case."""
    whole: Corpus = getattr(sides, side)
    return whole if half is None or side != "train" else halve(whole)[half]


def _crop_notes(side: str, crops: Crops, other: Crops | None, length: int) -> list[str]:
    """Notes of the crops of the training side; those of the validation side would repeat them."""
    return [note for one in (crops, other) if one and side == "train" for note in one.notes(length)]


def _variations(recipe: Recipe) -> list[tuple[str, AugmentationSettings]]:
    """Augmentation of each side: in validation none."""
    return [("train", recipe.augmentation), ("validation", AugmentationSettings())]


def _sides(recipe: Recipe, corpus: Corpus, setting: Literal["clean_split", "noise_split"]) -> Sides:
    settings = recipe.recordings
    return split(
        corpus,
        by=getattr(settings, setting),
        setting=f"recordings.{setting}",
        held_out_share=settings.held_out_share,
        held_out_count=settings.held_out_count,
        least_s=LEAST_SIGNALS * _length(recipe, "validation") / recipe.signal.sample_rate_hz,
        gap_s=settings.gap_s,
        shortest_s=_shortest_s(recipe),
        random=np.random.default_rng([recipe.seed, SPLIT, ["clean_split", "noise_split"].index(setting)]),
    )


def _clean_crops(recipe: Recipe, corpus: Corpus, varied: AugmentationSettings, cache: Path | None) -> Crops:
    _check_highpass(recipe.recordings.highpass_hz, corpus)
    filtered = {"highpass_hz": recipe.recordings.highpass_hz, "mix_channels": varied.mix_channels}
    return _crops(recipe, corpus, _clean_concatenation(recipe), cache=cache, **filtered)


def _check_highpass(highpass_hz: float, corpus: Corpus) -> None:
    slowest = min(corpus.entries, key=lambda entry: entry.sample_rate_hz)
    if highpass_hz >= slowest.sample_rate_hz / 2:
        has = f"{slowest.path} has {slowest.sample_rate_hz:g} Hz"
        rule = f"it lies below half the rate of every recording, and {has}"
        raise DanError(f"recordings.highpass_hz={highpass_hz:g}", rule, "Lower it")


def _crops(recipe: Recipe, corpus: Corpus, concatenation: Concatenation, **options: Any) -> Crops:
    return Crops(corpus, sample_rate_hz=recipe.signal.sample_rate_hz, concatenation=concatenation, **options)


def _clean_concatenation(recipe: Recipe) -> Concatenation:
    return Concatenation(pause_s=recipe.recordings.pause_s, fade_s=FADE_S)


def _shortest_s(recipe: Recipe) -> float:
    """Two samples of the recipe at the fastest speed: what is shorter may leave none."""
    varied = recipe.augmentation
    fastest = max(1.0, bounds(varied.clean_speed)[1], bounds(varied.noise_speed)[1])
    return 2 * fastest / recipe.signal.sample_rate_hz


def _length(recipe: Recipe, side: str) -> int:
    held_s = recipe.recordings.validation_duration_s
    if side == "train" or held_s == 0:
        return recipe.signal.length_samples
    return max(1, round(held_s * recipe.signal.sample_rate_hz))


def _upsampled(recipe: Recipe, corpus: Corpus) -> list[str]:
    rate_hz = recipe.signal.sample_rate_hz
    slower = [entry for entry in corpus.entries if entry.sample_rate_hz < rate_hz]
    if not slower:
        return []
    return [
        f"{corpus.folder}: {len(slower)} of {len(corpus.entries)} recordings are upsampled to {rate_hz:g} Hz "
        f"and hold nothing above {min(entry.sample_rate_hz for entry in slower) / 2:g} Hz or so"
    ]
