"""Mixtures of recorded clean signals and recorded or synthesised noise, varied and mixed as they are drawn.

The SNR is 20 log10 of the ratio of RMS over the whole signal, pauses included, as everywhere in DAN.
"""

from __future__ import annotations

import copy
import math
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dan.config import AugmentationSettings, Recipe, bounds
from dan.core.arrays import Signal, db_to_amplitude, energy, energy_ratio_db, rms
from dan.data.crop import MARGIN_PERIODS, Crops
from dan.data.device import band_limited, draw_offsets
from dan.data.warp import warped
from dan.dsp.butterworth import highpass
from dan.synthesis.hearts import draw_hearts
from dan.synthesis.mix import Pairs, draw_noise, mix

APART_DB = 10.0
"""Noises that are summed lie up to this far apart in level."""
TRIES = 8
"""Draws of a stretch before a silent one is taken."""
OCTAVES = 6
"""Octaves of a random equaliser below half the rate; it is constant below them."""
RINGING_SAMPLES = 2 ** (OCTAVES + 2)
"""Samples by which the equaliser's transform is longer: its ringing stays behind the end."""
POOL_BATCHES = 8
"""Batches of stretches that are prepared at once where they are used several times."""
MIXED, PREPARED, ORDER = range(10, 13)
"""Keys of streams of random numbers, one for each purpose."""


class Drawing(Protocol):
    """Source of pairs of signals, drawn at random."""

    @property
    def distinct(self) -> float:
        """Signals that its recordings give without overlap."""
        ...

    def draw(self, count: int, *, random: np.random.Generator) -> Pairs:
        """Draw ``[count, T]`` of each."""
        ...


class Mixer:
    """Draws mixtures of one side of the recordings.

    Args:
        recipe: its sections signal, noise and recordings are used.
        clean: stretches of clean recordings.
        noise: stretches of recorded noise; None for the noise that the recipe synthesises.
        length_samples: of a signal.
        augmentation: how they are varied.
    """

    def __init__(
        self,
        recipe: Recipe,
        clean: Crops,
        noise: Crops | None,
        *,
        length_samples: int,
        augmentation: AugmentationSettings,
    ) -> None:
        self._recipe, self._clean, self._noise = recipe, clean, noise
        self._length, self._augmentation = length_samples, augmentation
        rate_hz = recipe.signal.sample_rate_hz
        self._signal = recipe.signal.model_copy(update={"duration_s": length_samples / rate_hz})

    @property
    def distinct(self) -> float:
        """Signals that its clean recordings give without overlap."""
        return self._clean.samples / self._length

    def draw(self, count: int, *, random: np.random.Generator) -> Pairs:
        """Draw clean signals and noise and mix them: ``[count, T]`` of each."""
        clean, noise = self.draw_clean(count, random=random), self.draw_noise(count, random=random)
        return self.mix(clean, noise, random=random)

    def draw_clean(self, count: int, *, random: np.random.Generator) -> Signal:
        """Draw clean signals ``[count, T]``, float32, at their own levels."""
        varied = self._augmentation
        drawn = np.stack([self._clean_stretch(random) for _ in range(count)])
        if self._recipe.recordings.remove_mean:
            drawn -= drawn.mean(axis=-1, keepdims=True)
        largest_db, largest_rad = varied.clean_equaliser_db, varied.clean_phase_rad
        drawn = equalised(drawn, largest_db=largest_db, largest_rad=largest_rad, random=random)
        return self._with_background(drawn, random)

    def _clean_stretch(self, random: np.random.Generator) -> Signal:
        """A recorded stretch, warped or not, or a synthesised electrocardiogram, as the shares say."""
        varied, rate_hz = self._augmentation, self._recipe.signal.sample_rate_hz
        if varied.hearts_share and random.random() < varied.hearts_share:
            return self._heart(random)
        drawn = self._stretch(self._clean, varied.clean_speed, random)
        if varied.clean_warp_share and random.random() < varied.clean_warp_share:
            return warped(drawn, sample_rate_hz=rate_hz, random=random)
        return drawn

    def _heart(self, random: np.random.Generator) -> Signal:
        """A synthesised electrocardiogram, high-passed as the recordings are."""
        rate_hz, cutoff_hz = self._recipe.signal.sample_rate_hz, self._recipe.recordings.highpass_hz
        margin = math.ceil(MARGIN_PERIODS / cutoff_hz * rate_hz) if cutoff_hz else 0
        length = self._length + 2 * margin
        drawn = draw_hearts(1, length_samples=length, sample_rate_hz=rate_hz, random=random)[0]
        if cutoff_hz:
            drawn = highpass(drawn, sample_rate_hz=rate_hz, cutoff_hz=cutoff_hz)
        return np.asarray(drawn[margin : margin + self._length], np.float32)

    def _with_background(self, clean: Signal, random: np.random.Generator) -> Signal:
        """Add faint synthesised noise as a part of the signals, where that is wanted."""
        varied, count = self._augmentation, len(clean)
        if varied.background_share == 0:
            return clean
        steady = self._recipe.noise.model_copy(update={"kinds": (), "shares": (), "hum_hz": 0.0})
        made = draw_noise(steady, self._signal, count, random=random)
        level = db_to_amplitude(-random.uniform(*bounds(varied.background_db), count)) * rms(clean)
        level *= random.random(count) < varied.background_share
        return (clean + level[:, None] * _unit(made)).astype(np.float32)

    def draw_noise(self, count: int, *, random: np.random.Generator) -> Signal:
        """Draw noise ``[count, T]``, float32: recorded, synthesised or both, at any level."""
        if self._noise is None:
            return draw_noise(self._recipe.noise, self._signal, count, random=random)
        varied, kind = self._augmentation, random.random(count)
        alone = kind < varied.synthetic_only_share
        added = ~alone & (kind < varied.synthetic_only_share + varied.synthetic_share)
        drawn = np.zeros((count, self._length), np.float32)
        for row in np.flatnonzero(~alone):
            drawn[row] = self._recorded(self._noise, random)
        drawn = equalised(drawn, largest_db=varied.noise_equaliser_db, random=random)
        rows = np.flatnonzero(alone | added)
        if len(rows):
            made = draw_noise(self._recipe.noise, self._signal, len(rows), random=random)
            drawn[rows] = _summed(drawn[rows], made, random)
        return drawn

    def mix(self, clean: Signal, noise: Signal, *, random: np.random.Generator) -> Pairs:
        """Mix at SNRs drawn from the recipe's range, some without noise, some without a clean signal.

        Args:
            clean: ``[N, T]``.
            noise: ``[N, T]``.
            random: where everything random comes from.

        Returns:
            The pairs, ``mixed = clean + gain * noise`` and an offset where one is wanted, which the SNR does
            not count; it is what was drawn, also where either part is left out. Where clean or noise is
            silent throughout, nothing is mixed in.
        """
        varied, count = self._augmentation, len(clean)
        if varied.band_limit_share:
            clean, noise = band_limited(
                clean,
                noise,
                share=varied.band_limit_share,
                cutoff_hz=varied.band_limit_hz,
                sample_rate_hz=self._recipe.signal.sample_rate_hz,
                random=random,
            )
        snr_db = random.uniform(*self._recipe.noise.snr_range_db, count)
        _, gain = mix(clean, noise, snr_db=snr_db)
        left_out = random.random(count)
        gain *= left_out >= varied.clean_only_share
        clean = clean * (left_out < 1 - varied.silence_share)[:, None]
        clean, noise = random_polarity(clean, varied, random), random_polarity(noise, varied, random)
        level = db_to_amplitude(random.uniform(*bounds(varied.gain_db), (count, 1)))
        clean = (level * clean).astype(np.float32)
        mixed = clean + level * gain[:, None] * noise
        if varied.offset_share:
            largest = varied.largest_offset_rms
            mixed += draw_offsets(rms(clean), share=varied.offset_share, largest=largest, random=random)
        return Pairs(clean, noise, mixed.astype(np.float32), snr_db)

    def _stretch(
        self, crops: Crops, speed: float | tuple[float, float], random: np.random.Generator
    ) -> Signal:
        """A stretch at a random speed, drawn again while it is silent."""
        for _ in range(TRIES):
            drawn = crops.draw(self._length, speed=drawn_speed(speed, random), random=random)
            if np.ptp(drawn) > 0:
                break
        return drawn

    def _recorded(self, noise: Crops, random: np.random.Generator) -> Signal:
        """One recorded noise, or the sum of several, at unit RMS each before they are set apart."""
        varied, drawn = self._augmentation, np.zeros(self._length, np.float32)
        for _ in range(random.integers(*bounds(varied.noise_count), endpoint=True)):
            one = self._stretch(noise, varied.noise_speed, random)
            drawn += _unit(one) * np.float32(db_to_amplitude(-random.uniform(0, APART_DB)))
        return drawn


class PairMixer:
    """Draws stretches of noisy recordings and of their clean partners; the SNR is the recordings' own.

    Args:
        clean: stretches of clean recordings.
        noisy: stretches of their noisy partners, drawn alike: the corpora agree in all but the samples.
        length_samples: of a signal.
        augmentation: of which gain, polarity and the speed of clean are used.
        centred: take the mean of each clean signal off it and off its noisy partner.
    """

    def __init__(
        self,
        clean: Crops,
        noisy: Crops,
        *,
        length_samples: int,
        augmentation: AugmentationSettings,
        centred: bool = False,
    ) -> None:
        self._centred = centred
        self._clean, self._noisy = clean, noisy
        self._length, self._augmentation = length_samples, augmentation

    def above(self, cutoff_hz: float) -> PairMixer:
        """The same pairs for the same draws, both through a high-pass filter; with 0 as they are."""
        filtered = copy.copy(self)
        filtered._clean, filtered._noisy = self._clean.above(cutoff_hz), self._noisy.above(cutoff_hz)
        return filtered

    @property
    def distinct(self) -> float:
        """Signals that its recordings give without overlap."""
        return self._clean.samples / self._length

    def draw(self, count: int, *, random: np.random.Generator) -> Pairs:
        """Draw clean and noisy signals, ``[count, T]`` of each; noise is what is between them."""
        varied = self._augmentation
        rows = [self._pair(random) for _ in range(count)]
        both = np.stack([np.concatenate(row) for row in rows])  # [count, 2 T]: gain and sign for both at once
        level = db_to_amplitude(random.uniform(*bounds(varied.gain_db), (count, 1)))
        both = (level * random_polarity(both, varied, random)).astype(np.float32)
        clean, noisy = both[:, : self._length], both[:, self._length :]
        return Pairs(clean, noisy - clean, noisy, energy_ratio_db(energy(clean), energy(noisy - clean)))

    def _pair(self, random: np.random.Generator) -> tuple[Signal, Signal]:
        """The same draws for both, and so the same stretch."""
        speed, seed = drawn_speed(self._augmentation.clean_speed, random), int(random.integers(2**63))
        clean, noisy = (
            crops.draw(self._length, speed=speed, random=np.random.default_rng(seed))
            for crops in (self._clean, self._noisy)
        )
        offset = clean.mean() if self._centred else np.float32(0)
        return clean - offset, noisy - offset


class Pool:
    """Mixtures by the number of the step alone, each prepared stretch going into `reuse` of them.

    Args:
        mixer: draws and mixes.
        seed: everything random follows from it and the step.
        batch: mixtures of one step.
        reuse: with 1 each step draws its own.
    """

    def __init__(self, mixer: Drawing, *, seed: int, batch: int, reuse: int) -> None:
        self._mixer, self._seed, self._batch = mixer, seed, batch
        self._reuse = reuse if isinstance(mixer, Mixer) else 1
        self._number = -1
        self._clean: Signal = np.empty(0)
        self._noise: Signal = np.empty(0)

    def pairs(self, step: int) -> Pairs:
        """The mixtures of a step, counted from 0."""
        random = np.random.default_rng([self._seed, MIXED, step])
        if not isinstance(self._mixer, Mixer) or self._reuse == 1:
            return self._mixer.draw(self._batch, random=random)
        number, place = divmod(step, POOL_BATCHES * self._reuse)
        self._fill(number)
        turn, place = divmod(place, POOL_BATCHES)
        orders = np.random.default_rng([self._seed, ORDER, number, turn])
        chosen = slice(place * self._batch, (place + 1) * self._batch)
        clean, noise = (stack[orders.permutation(len(stack))[chosen]] for stack in (self._clean, self._noise))
        return self._mixer.mix(clean, noise, random=random)

    def _fill(self, number: int) -> None:
        if number == self._number or not isinstance(self._mixer, Mixer):
            return
        random, count = np.random.default_rng([self._seed, PREPARED, number]), POOL_BATCHES * self._batch
        self._clean = self._mixer.draw_clean(count, random=random)
        self._noise = self._mixer.draw_noise(count, random=random)
        self._number = number


def equalised(
    signal: Signal, *, largest_db: float, largest_rad: float = 0.0, random: np.random.Generator
) -> Signal:
    """Signals ``[N, T]`` through smooth equalisers, a random one for each.

    Gains are drawn uniformly from -largest_db to +largest_db, phases from -largest_rad to +largest_rad, at
    half the rate and each octave below it, and go linearly in dB, radians and octaves between these.
    """
    if largest_db == 0 and largest_rad == 0:
        return signal
    length = signal.shape[-1]
    size = 1 << (length + RINGING_SAMPLES).bit_length()
    gain = np.exp(np.log(10) / 20 * _drawn_curves(len(signal), largest_db, size, random))
    if largest_rad:
        gain = gain * np.exp(1j * _drawn_curves(len(signal), largest_rad, size, random))
    return np.fft.irfft(gain * np.fft.rfft(signal, size), size)[:, :length].astype(np.float32)


def _drawn_curves(
    count: int, largest: float, size: int, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Curves over the bins ``[count, size // 2 + 1]``, a random value at each octave."""
    values = random.uniform(-largest, largest, (count, OCTAVES + 1))
    return np.asarray(values.astype(np.float32) @ _octaves(size))


@lru_cache(maxsize=4)
def _octaves(size: int) -> npt.NDArray[np.float32]:
    """Share of each octave's gain in every bin, ``[OCTAVES + 1, size // 2 + 1]``; they add up to 1."""
    octave = np.log2(np.maximum(np.arange(size // 2 + 1), 1) * 2 / size)
    knots = np.arange(-OCTAVES, 1)
    return np.stack([np.interp(octave, knots, knots == knot) for knot in knots]).astype(np.float32)


def drawn_speed(speed: float | tuple[float, float], random: np.random.Generator) -> float:
    """A speed from a range in steps of 1 %, for which resampling filters are small and quickly made."""
    low, high = bounds(speed)
    return low if low == high else max(0.01, round(random.uniform(low, high), 2))


def random_polarity(signal: Signal, varied: AugmentationSettings, random: np.random.Generator) -> Signal:
    """Signals ``[N, T]``, each polarity-flipped at random where that is wanted."""
    if not varied.invert_polarity:
        return signal
    return np.asarray(signal * random.choice(np.array([-1, 1], np.float32), (len(signal), 1)))


def _unit(signal: Signal) -> Signal:
    """``[*, T]`` at an RMS of 1; silence stays silent."""
    level = rms(signal)[..., None]
    return (signal / np.where(level > 0, level, 1)).astype(np.float32)


def _summed(recorded: Signal, made: Signal, random: np.random.Generator) -> Signal:
    apart_db = random.uniform(-APART_DB, APART_DB, (len(made), 1))
    return (_unit(recorded) + db_to_amplitude(apart_db) * _unit(made)).astype(np.float32)
