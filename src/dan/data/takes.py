"""Two noisy takes of one signal, to learn from where there is no clean one: recorded, or made of one.

A network that is asked for one take and is given the other learns their common part, as the noise of one says
nothing of the other's (J. Lehtinen et al., "Noise2Noise", 2018). Where there is one take y = x + n, more
noise m of the same kind and level is added to it and taken away from it: n + m and n - m are the noises of
two takes y + m and y - m. As n and m might as well be each other, the network cannot know which of them it
hears, and on the mean over both its target is x. For that m must be a stranger to n, as loud and of the same
kinds; its distribution does not matter. (N. Moran et al., "Noisier2Noise", 2020, whose correction is in the
target here; T. Pang et al., "Recorrupted-to-Recorrupted", 2021, for Gaussian noise.)

Leaving out single samples and predicting them from their neighbours (blind spots) is another way and not
here: it takes whatever neighbours share for signal, and so most of coloured noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dan.config import AugmentationSettings, bounds
from dan.core.arrays import Signal, db_to_amplitude, energy, energy_ratio_db
from dan.data.crop import Crops
from dan.data.mixer import Drawing
from dan.synthesis.mix import Pairs

FLOOR_QUANTILE = 0.2
"""Share of the cells of a spectrogram, the lowest against the noise's spectrum, in which noise is alone."""
PASSED_OVER = 0.1
"""Share of the noise's energy, in the octaves in which noise fits least, that does not tell its level."""
FRAME_SAMPLES, FEWEST_FRAMES = 512, 8
OCTAVES = (0, 7, 15, 31, 63, 127)
"""First bins of octaves in whole frames; the lowest octaves are one, as a bin or two say little."""
TRIES = 8


class TakesMixer:
    """Draws stretches of two recorded takes; either is the input as often as the other.

    Args:
        takes: draws a stretch of both, one as clean and the other as noisy.
        centred: take its own mean off each stretch.
    """

    def __init__(self, takes: Drawing, *, centred: bool = False) -> None:
        self._takes, self._centred = takes, centred

    @property
    def distinct(self) -> float:
        """Signals that the takes give without overlap."""
        return self._takes.distinct

    def draw(self, count: int, *, random: np.random.Generator) -> Pairs:
        """Draw targets (`clean`) and inputs (`mixed`), ``[count, T]`` of each, `taking_turns`."""
        drawn = self._takes.draw(count, random=random)
        first, second = (_centred(take, self._centred) for take in (drawn.clean, drawn.mixed))
        target, mixed = taking_turns(first, second)
        return as_takes(target=target, mixed=mixed)


def taking_turns(one: Signal, other: Signal) -> tuple[Signal, Signal]:
    """Exchange every second row of two takes ``[N, T]``; once more, and they are as they were."""
    swapped = np.arange(len(one))[:, None] % 2 == 1
    return np.where(swapped, other, one), np.where(swapped, one, other)


class FreshTakesMixer:
    """Draws two takes made of two recorded ones, with noise that is another one at each draw.

    The mean of two takes holds half of a take's noise energy; half of their difference holds as much noise,
    and no signal. Half a difference of another recording, brought to the level of the recording's own and of
    either sign, is added to the mean for the input and taken away from it for the target: both are as noisy
    as a take, and what stays of a recording's own noise is half of it. As recorded, the noise of a target is
    the same at each draw, and is learnt by heart.

    Where the noise of either take is symmetric about 0 and independent of all else, the noise of the mean and
    that which is added might as well be each other, whatever their spectrum and levels.

    Args:
        takes: draws a stretch of both, one as clean and the other as noisy.
        targets: the same takes as targets are to be, such as without drift; None for the takes themselves.
        centred: take its own mean off each stretch.
    """

    def __init__(self, takes: Drawing, targets: Drawing | None = None, *, centred: bool = False) -> None:
        self._takes, self._targets, self._centred = takes, targets, centred

    @property
    def distinct(self) -> float:
        """Signals that the takes give without overlap."""
        return self._takes.distinct

    def draw(self, count: int, *, random: np.random.Generator) -> Pairs:
        """Draw targets (`clean`) and inputs (`mixed`), ``[count, T]`` of each."""
        seed = int(random.integers(2**63))
        heard = wanted = self._halves(self._takes, count, seed)
        if self._targets is not None:
            wanted = self._halves(self._targets, count, seed)
        gain = _gain_of_others(heard[1], random)
        target, mixed = (
            mean + sign * gain * np.roll(noise, 1, axis=0)
            for (mean, noise), sign in ((wanted, -1), (heard, 1))
        )
        return as_takes(target=target, mixed=mixed)

    def _halves(self, takes: Drawing, count: int, seed: int) -> tuple[Signal, Signal]:
        """Half the sum and half the difference of two takes, ``[N, T]``, by the seed alone."""
        drawn = takes.draw(count, random=np.random.default_rng(seed))
        one, other = (_centred(take.astype(np.float64), self._centred) for take in (drawn.clean, drawn.mixed))
        return (one + other) / 2, (one - other) / 2


class NoisierMixer:
    """Draws stretches of noisy recordings, with more noise added for the input and taken away for the target.

    To the recording's noise n is added a m, with m as loud as n, and m / a is taken away: from n + a m
    nothing can be told on the mean of n - m / a. With a = 1 that holds for any noise, else for Gaussian
    noise; but the larger a is, the less it matters if n is louder or fainter than was told.

    Args:
        pairs: stretches of noisy recordings and of noise of the same kind, at any level: it is brought to
            that in the recordings. Each pair is drawn as often.
        length_samples: of a signal.
        augmentation: of which the level of the added noise, gain and polarity are used: others would tell one
            noise from the other.
        centred: take the mean off each stretch.
        highpass_hz: what lies below it is not in the targets and says nothing of the level; 0 for none.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Crops, Crops]],
        *,
        length_samples: int,
        augmentation: AugmentationSettings,
        centred: bool = False,
        highpass_hz: float = 0.0,
    ) -> None:
        self._pairs, self._length = pairs, length_samples
        self._augmentation, self._centred = augmentation, centred
        self._highpass_hz = highpass_hz

    @property
    def distinct(self) -> float:
        """Signals that the noisy recordings give without overlap."""
        return sum(noisy.samples for noisy, _ in self._pairs) / self._length

    def draw(self, count: int, *, random: np.random.Generator) -> Pairs:
        """Draw targets (`clean`) and inputs (`mixed`), ``[count, T]`` of each."""
        varied = self._augmentation
        rows = [self._drawn(random) for _ in range(count)]
        noisy, noise, kept, kept_noise = map(np.stack, zip(*rows, strict=True))
        level = db_to_amplitude(random.uniform(*bounds(varied.gain_db), (count, 1)))
        if varied.invert_polarity:
            level *= random.choice([-1.0, 1.0], (count, 1))
        louder = db_to_amplitude(random.uniform(*bounds(varied.added_noise_db), (count, 1)))
        sign = random.choice([-1.0, 1.0], (count, 1))
        gain = sign * noise_gain(kept, kept_noise)[:, None]
        target, mixed = kept - gain / louder * kept_noise, noisy + gain * louder * noise
        return as_takes(target=level * target, mixed=level * mixed)

    def _drawn(self, random: np.random.Generator) -> list[Signal]:
        """A stretch of a recording and one of its noise, and both without what is never wanted."""
        pair = self._pairs[int(random.integers(len(self._pairs)))]
        drawn = [self._stretch(crops, random) for crops in pair]
        whole = [stretch for stretch, _ in drawn]
        if not self._highpass_hz:
            return [*whole, *whole]
        seeds = [seed for _, seed in drawn]
        filtered = [crops.above(self._highpass_hz) for crops in pair]
        return [*whole, *(self._draw(crops, seed) for crops, seed in zip(filtered, seeds, strict=True))]

    def _stretch(self, crops: Crops, random: np.random.Generator) -> tuple[Signal, int]:
        """A stretch that is not constant, if there is one, and the seed that draws it."""
        for _ in range(TRIES):
            seed = int(random.integers(2**63))
            drawn = self._draw(crops, seed)
            if np.ptp(drawn) > 0:
                break
        return drawn, seed

    def _draw(self, crops: Crops, seed: int) -> Signal:
        drawn = crops.draw(self._length, random=np.random.default_rng(seed)).astype(np.float64)
        return drawn - drawn.mean() if self._centred else drawn


class RemixMixer:
    """Draws outputs of an earlier model with what it took away from other recordings as their noise.

    The residual of another recording is brought to the level of the recording's own, in either polarity: so
    the noise over an output is another one each time. (E. Tzinis et al., "RemixIT", 2022; there the teacher
    hears its own recordings.)

    Args:
        pairs: draws stretches of outputs as clean and of the recordings that they were made of as noisy.
    """

    def __init__(self, pairs: Drawing) -> None:
        self._pairs = pairs

    @property
    def distinct(self) -> float:
        """Signals that the recordings give without overlap."""
        return self._pairs.distinct

    def draw(self, count: int, *, random: np.random.Generator) -> Pairs:
        """Draw targets (`clean`) and inputs (`mixed`), ``[count, T]`` of each."""
        drawn = self._pairs.draw(count, random=random)
        own = drawn.mixed.astype(np.float64) - drawn.clean
        noise = (_gain_of_others(own, random) * np.roll(own, 1, axis=0)).astype(np.float32)
        snr_db = energy_ratio_db(energy(drawn.clean), energy(noise))
        return Pairs(drawn.clean, noise, drawn.clean + noise, snr_db)


def _centred(signal: Signal, wanted: bool) -> Signal:
    """Signals ``[N, T]``, each about its own mean where that is wanted."""
    return signal - signal.mean(axis=-1, keepdims=True) if wanted else signal


def _gain_of_others(noise: Signal, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Gains ``[N, 1]`` of either sign that bring the noise of the row before to the level of each row."""
    level = _ratio(energy(noise), energy(np.roll(noise, 1, axis=0)))
    return np.asarray(level[:, None] * random.choice([-1.0, 1.0], (len(noise), 1)))


def as_takes(*, target: Signal, mixed: Signal) -> Pairs:
    """Targets and inputs ``[N, T]`` as pairs; the SNR is that of either take, by what both have in common."""
    target, mixed = target.astype(np.float32), mixed.astype(np.float32)
    common, noise = common_energy(target, mixed), energy(mixed - target) / 2
    return Pairs(target, mixed - target, mixed, energy_ratio_db(np.maximum(common, 0), noise))


def common_energy(one: Signal, other: Signal) -> npt.NDArray[np.float64]:
    """Energy of what two takes ``[N, T]`` have in common, in expectation, ``[N]``; by chance below 0."""
    return np.asarray(np.einsum("nt,nt->n", one, other, dtype=np.float64))


def noise_gain(noisy: Signal, noise: Signal) -> npt.NDArray[np.float64]:
    """Gain that brings noise to its level in noisy signals: ``[N, T]`` of each, ``[N]``.

    Its level is told where it is alone: in the pauses of each octave, and between the lines of a spectrum.
    Either is misled upwards, by signal that never pauses or is everywhere, and so the lowest counts. Where
    the noise is of another kind, the gain is the one at which it could be in there.
    """
    if noisy.shape[-1] < 4:
        return np.zeros(len(noisy))
    cells, noise_cells = _spectrogram(noisy), _spectrogram(noise)
    gains = [_between_lines(cells, noise_cells), _ratio(energy(noisy), energy(noise))]
    if cells.shape[1] >= FEWEST_FRAMES:
        gains.append(_in_pauses(cells, noise_cells))
    return np.asarray(np.min(gains, axis=0))


def _between_lines(
    cells: npt.NDArray[np.float64], noise_cells: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Gain by the cells that are lowest against the noise's spectrum."""
    mean = _smoothed(noise_cells.mean(axis=1, keepdims=True))
    mean[~noise_cells.any(axis=(1, 2))] = 1
    return _ratio(_floor(cells / mean), _floor(noise_cells / mean))


def _in_pauses(
    cells: npt.NDArray[np.float64], noise_cells: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Gain by the lowest frames of each octave, where noise fits least but for a share of its energy."""
    octaves, noise_octaves = (np.add.reduceat(one, OCTAVES, axis=-1) for one in (cells, noise_cells))
    low, noise_low = (np.quantile(one, FLOOR_QUANTILE, axis=1) for one in (octaves, noise_octaves))
    mean, noise_mean = (one.mean(axis=1) for one in (octaves, noise_octaves))
    gains = np.minimum(_ratio(low, noise_low), _ratio(mean, noise_mean))
    share = np.where(noise_low > 0, noise_mean, 0)
    order = np.argsort(gains, axis=-1)
    below = np.cumsum(np.take_along_axis(share, order, axis=-1), axis=-1)
    place = np.argmax(below >= PASSED_OVER * below[:, -1:], axis=-1)
    chosen = np.take_along_axis(gains, np.take_along_axis(order, place[:, None], axis=-1), axis=-1)[:, 0]
    return np.where(below[:, -1] > 0, chosen, np.inf)


def _floor(cells: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.quantile(cells.reshape(len(cells), -1), FLOOR_QUANTILE, axis=-1))


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ratio of amplitudes of two powers; 0 where there is nothing below."""
    return np.asarray(np.sqrt(np.where(below > 0, above / np.where(below > 0, below, 1), 0)))


def _smoothed(spectrum: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A mean over neighbouring bins: few frames' own mean would be as ragged as they are.

    As the bin itself is in it, the level comes out a little low: too little noise taken away is better than
    signal.
    """
    width = 1 + 2 * (spectrum.shape[-1] // 32)
    padded = np.pad(spectrum, [(0, 0), (0, 0), (width // 2, width // 2)], mode="reflect")
    mean = np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1).mean(axis=-1)
    return np.asarray(mean + 1e-9 * mean.mean(axis=-1, keepdims=True) + np.finfo(np.float64).tiny)


def _spectrogram(signal: Signal) -> npt.NDArray[np.float64]:
    """Power ``[N, frames, bins]``; each frame about its mean, without the bins at 0 Hz and half the rate."""
    length = signal.shape[-1]
    size = min(FRAME_SAMPLES, length)
    frames = np.lib.stride_tricks.sliding_window_view(signal, size, axis=-1)[:, :: max(1, size // 2)]
    frames = frames - frames.mean(axis=-1, keepdims=True)
    return np.asarray(np.abs(np.fft.rfft(np.hanning(size + 2)[1:-1] * frames)[..., 1:-1]) ** 2)
