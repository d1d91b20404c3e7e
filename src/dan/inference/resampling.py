"""Another rate than the model's: there and back with a short delay, and what the model cannot see kept."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dan.core.errors import DanError
from dan.inference.engines import Block, Engine

LARGEST_RATIO = 1024
"""Largest ratio of two rates: beyond, one of them is mistaken."""
ZEROS = 40
"""Zero crossings of the kernel on either side: the delay, in samples of the lower rate."""
STOPBAND_DB = 90.0
"""Attenuation of images and aliases."""
TABLE_VALUES = 2**22
"""Numbers in a table of kernels, and samples that are gathered for one product: bounds the memory."""
OCTAVE_TAPS = 31
"""Length of the filter that takes out the highest octave."""


def kernel(time: npt.NDArray[np.float64], *, width: float, cutoff: float) -> npt.NDArray[np.float64]:
    """A low-pass filter's impulse response: sinc under a Kaiser window.

    Args:
        time: in samples.
        width: half the length, in samples; beyond it is 0.
        cutoff: frequency at which it halves, in cycles a sample.

    Source: J. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.
    """
    beta = 0.1102 * (STOPBAND_DB - 8.7)
    inside = np.sqrt(np.maximum(1 - np.square(time / width), 0))
    window = np.where(np.abs(time) < width, np.i0(beta * inside) / np.i0(beta), 0)
    return np.asarray(2 * cutoff * np.sinc(2 * cutoff * time) * window)


class Resampler:
    """A signal at another rate, block by block: a windowed sinc at the exact time of every output.

    Outputs of a period of the two rates are one product with a table of kernels. Where the rates have no
    short period, the table is made anew for each stretch.

    Args:
        from_hz: rate of what comes in.
        to_hz: rate of what goes out.
        channels: channels C.

    Source: J. Smith and P. Gossett, "A flexible sampling-rate conversion method", 1984.
    """

    def __init__(self, *, from_hz: float, to_hz: float, channels: int) -> None:
        self.step = Fraction(from_hz) / Fraction(to_hz)
        """Input samples from one output to the next."""
        self.width = ZEROS * max(1.0, float(self.step))
        self.half = math.ceil(self.width)
        """Input samples before and after an output that it is made of."""
        transition = (STOPBAND_DB - 7.95) / (14.36 * 2 * ZEROS)  # Kaiser's estimate, in the lower rate
        self.cutoff = (0.5 - transition / 2) / max(1.0, float(self.step))
        self.period, self.periodic = self._choose_period()
        self.input = np.zeros((channels, self.half - 1), np.float32)
        """From the first sample on that is still needed."""
        self.start = 1 - self.half
        """Its number; what lies before 0 is silence."""
        self.came, self.went = 0, 0
        """Samples that have come in and gone out."""
        self._make_table(0)

    def _choose_period(self) -> tuple[int, bool]:
        """Outputs of one table, and whether the next such stretch has the same."""
        shortest, advance = self.step.denominator, self.step.numerator
        for times in range(max(1, round(2 * self.half / advance)), 0, -1):
            if (times * advance + 2 * self.half) * times * shortest <= TABLE_VALUES:
                return times * shortest, True
        return max(1, min(round(2 * self.half / self.step), TABLE_VALUES // (4 * self.half))), False

    def _make_table(self, first: int) -> None:
        """Kernels ``[inputs, period]`` of the outputs from `first` on, and where each begins."""
        advance, parts, self.first = self.step.numerator, self.step.denominator, first
        places = [divmod(number * advance, parts) for number in range(first, first + self.period)]
        self.bases = np.array([whole - places[0][0] for whole, _ in places])
        rest = np.array([part / parts for _, part in places])
        taps = np.arange(1 - self.half, self.half + 1)
        table = np.zeros((self.bases[-1] + 2 * self.half, self.period), np.float32)
        rows = self.bases[:, None] + np.arange(2 * self.half)
        table[rows, np.arange(self.period)[:, None]] = kernel(
            rest[:, None] - taps, width=self.width, cutoff=self.cutoff
        )
        self.table = table

    def inputs_for(self, outputs: int) -> int:
        """Return how many samples must have come in for so many to go out."""
        return math.floor((outputs - 1) * self.step) + self.half + 1

    def feed(self, block: Block) -> Block:
        """Take ``[C, n]`` and return ``[C, m]``, all that can be told from what is there."""
        self.came += block.shape[-1]
        self.input = np.concatenate([self.input, block], axis=-1)
        ready = math.ceil((self.came - self.half) / self.step)
        outputs = [self.input[:, :0]]
        while self.went < ready:
            outputs.append(self._outputs(ready - self.went))
            self.went += outputs[-1].shape[-1]
        keep = math.floor(self.went * self.step) + 1 - self.half - self.start
        self.input, self.start = self.input[:, keep:], self.start + keep
        return np.concatenate(outputs, axis=-1)

    def _outputs(self, most: int) -> Block:
        """The next outputs, of one table or of many periods of one."""
        place = self.went % self.period
        if not self.periodic and self.went - place != self.first:
            self._make_table(self.went - place)
        base = math.floor((self.went - place) * self.step) + 1 - self.half - self.start
        channels, inputs = len(self.input), len(self.table)
        if self.periodic and place == 0 and most >= self.period:
            count = max(1, min(most // self.period, TABLE_VALUES // (inputs * channels)))
            advance = int(self.period * self.step)
            views = np.lib.stride_tricks.sliding_window_view(self.input[:, base:], inputs, axis=-1)
            gathered = np.ascontiguousarray(views[:, : count * advance : advance]).reshape(-1, inputs)
            return np.asarray((gathered @ self.table).reshape(channels, -1))
        count = min(self.period - place, most)
        low, high = self.bases[place], self.bases[place + count - 1] + 2 * self.half
        return self.input[:, base + low : base + high] @ self.table[low:high, place : place + count]

    def flush(self) -> Block:
        """Return the rest: as many samples in all as fit into the time of what came in."""
        left = math.ceil(self.came / self.step) - self.went
        rest = self.feed(np.zeros((len(self.input), self.half + math.ceil(self.step)), np.float32))
        self.went -= rest.shape[-1] - left
        return rest[:, :left]


class OctaveGain:
    """The gain of a network in the highest octave of its band, followed over time.

    Args:
        channels: channels C.
        window_samples: over which energies are summed, up to the present.
    """

    def __init__(self, *, channels: int, window_samples: int) -> None:
        time = np.arange(OCTAVE_TAPS) - OCTAVE_TAPS // 2
        low = kernel(time.astype(np.float64), width=OCTAVE_TAPS / 2, cutoff=0.25)
        self.taps = (time == 0) - low
        self.past = np.zeros((2 * channels, OCTAVE_TAPS - 1))
        self.powers = np.zeros((2 * channels, window_samples))

    def feed(self, noisy: Block, denoised: Block) -> Block:
        """Take both ``[C, n]``, aligned, and return the gain at each sample, from 0 to 1."""
        count = noisy.shape[-1]
        rows = np.concatenate([self.past, np.concatenate([noisy, denoised])], axis=-1)
        self.past = rows[:, count:]
        if not count:
            return noisy
        octave = np.stack([np.convolve(row, self.taps, "valid") for row in rows])
        powers = np.concatenate([self.powers, np.square(octave)], axis=-1)
        window = self.powers.shape[-1]
        self.powers = powers[:, count:]
        sums = np.cumsum(np.pad(powers, ((0, 0), (1, 0))), axis=-1)
        before, after = np.split(np.maximum(sums[:, window + 1 :] - sums[:, 1:-window], 0), 2)
        known = before > np.finfo(np.float32).tiny
        ratio = np.divide(after, before, out=np.ones_like(before), where=known)
        return np.asarray(np.sqrt(np.minimum(ratio, 1)), dtype=np.float32)


class ResamplingEngine:
    """An engine at another rate: to its rate and back, sample by sample aligned.

    What the way there and back loses, above all what lies above the engine's band, is added again at the gain
    of the highest octave of what both rates hold.

    Args:
        inner: the engine.
        outer_hz: rate of the blocks.
        inner_hz: the engine's rate.
        channels: channels C.

    Raises:
        DanError: if the rates lie too far apart.
    """

    def __init__(self, inner: Engine, *, outer_hz: float, inner_hz: float, channels: int) -> None:
        _check_ratio(outer_hz, inner_hz)
        self.inner, self.channels = inner, channels
        self.to_inner = Resampler(from_hz=outer_hz, to_hz=inner_hz, channels=channels)
        self.to_outer = Resampler(from_hz=inner_hz, to_hz=outer_hz, channels=2 * channels)
        hops = -(-self.to_outer.inputs_for(1) // inner.hop_length)
        needed = inner.latency_samples + (hops - 1) * inner.hop_length
        self.latency_samples = self.to_inner.inputs_for(needed)
        self.hop_length = max(1, round(inner.hop_length * outer_hz / inner_hz))
        self.wider = outer_hz >= inner_hz
        """Set if the blocks hold a band that the engine does not see."""
        lower = min(1.0, outer_hz / inner_hz)
        window = max(OCTAVE_TAPS, round(inner.latency_samples * lower))
        self.octave = OctaveGain(channels=channels, window_samples=window)
        self.gains = np.zeros((channels, 0), np.float32)
        """At the engine's rate, from the sample `gains_start` on."""
        self.gains_start = 0
        self.outer = np.zeros((channels, 0), np.float32)
        self.noisy = np.zeros((channels, 0), np.float32)
        """Input that has not come out yet, at either rate."""
        self.portion = max(1, TABLE_VALUES // channels // max(1, math.ceil(inner_hz / outer_hz)))

    def feed(self, block: Block) -> Block:
        """Take ``[C, n]`` and return what is final, ``[C, m]``."""
        starts = range(0, block.shape[-1], self.portion)
        outputs = [self._feed(block[:, start : start + self.portion]) for start in starts]
        return np.concatenate([block[:, :0], *outputs], axis=-1)

    def _feed(self, block: Block) -> Block:
        self.outer = np.concatenate([self.outer, block], axis=-1)
        noisy = self.to_inner.feed(block)
        return self._joined(self.to_outer.feed(self._denoised(noisy, self.inner.feed(noisy))))

    def flush(self) -> Block:
        """The rest: together exactly as long as what went in."""
        noisy = self.to_inner.flush()
        denoised = np.concatenate([self.inner.feed(noisy), self.inner.flush()], axis=-1)
        both = self.to_outer.feed(self._denoised(noisy, denoised))
        both = np.concatenate([both, self.to_outer.flush()], axis=-1)
        return self._joined(both[:, : self.outer.shape[-1]])

    def _denoised(self, noisy: Block, denoised: Block) -> Block:
        """Final samples at the engine's rate, and as further rows the input at the same samples."""
        self.noisy = np.concatenate([self.noisy, noisy], axis=-1)
        count = denoised.shape[-1]
        aligned, self.noisy = self.noisy[:, :count], self.noisy[:, count:]
        if self.wider:
            self.gains = np.concatenate([self.gains, self.octave.feed(aligned, denoised)], axis=-1)
        return np.concatenate([denoised, aligned])

    def _joined(self, both: Block) -> Block:
        """The denoised band and, at its gain, what of the input is not in it."""
        denoised, seen = both[: self.channels], both[self.channels :]
        count = both.shape[-1]
        given, self.outer = self.outer[:, :count], self.outer[:, count:]
        gain = self._gain_at(count) if self.wider else self.octave.feed(seen, denoised)
        return denoised + gain * (given - seen)

    def _gain_at(self, count: int) -> Block:
        """The gain at the next `count` outputs."""
        last = self.to_outer.went - count + np.arange(count)
        places = np.floor(last * float(self.to_outer.step)).astype(np.intp) - self.gains_start
        gain = self.gains[:, np.clip(places, 0, self.gains.shape[-1] - 1)]
        if count:
            used = max(0, min(int(places[-1]), self.gains.shape[-1] - 1))
            self.gains, self.gains_start = self.gains[:, used:], self.gains_start + used
        return gain


def _check_ratio(outer_hz: float, inner_hz: float) -> None:
    ratio = outer_hz / inner_hz
    if not 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
        raise DanError(
            f"sample_rate={outer_hz:g}",
            f"the model is for {inner_hz:g} Hz, and rates are resampled up to a ratio of {LARGEST_RATIO}",
            "See whether the rate is in Hz, or take a model for a rate nearer to it",
        )
