"""Signal conditioning: what a network gets lies around zero, near a level of 1, whatever came in.

The offset of each channel is told from the first samples and subtracted in float64; where a network takes
any level alike, the rest is scaled by a power of two, which is exact. Both are undone on what comes out. A
network that knows one level gets the level as it is.

Where a channel lies far from 0, samples of exactly 0 that it falls to in one step are dropouts: a lead that
is off, a lost packet. The network gets the offset in their place, and they come out as they came in.

    samples    |--- first ---|------- span -------|------- span -------|-
    offset     their mean    |  the same          |  on to the last span's mean, if that has moved away

A part of a span in which a channel holds one value, as of a lead that is off, tells nothing; nor does a span
of which half are such parts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal
from dan.inference.engines import Block

PerChannel = npt.NDArray[np.float64]
"""A number for each channel, ``[C, 1]``."""
Exponent = npt.NDArray[np.intc]
"""Exponent of the power of two that each channel was divided by, ``[C, 1]``."""

LARGEST = 1e18
"""Largest sample that is taken."""
LARGEST_SCALED = 1e15
"""Largest that a network gets: it computes powers of spectra in float32."""
NEAR_ONE = (2.0**-10, 2.0**10)
"""Peaks that are left as they are."""
PARTS = 8
"""Parts of a span whose means are compared: those of an offset agree, those of a slow wave do not."""
SPREADS = 4.0
"""An offset is so many times the standard deviation of the means of the parts, and more."""
SURE, UNSURE, MOVED = 0.5, 4.0, 2.0
"""Least offset that counts, in standard deviations of what varies: told from a long beginning, from a short
one, and where it has moved later on."""

FAR = 6.0
"""Standard deviations of what varies by which an offset lies so far from 0 that zeros may be dropouts."""
CROSSING = 3.0
"""Standard deviations within which the last other sample lies where a wave crosses 0."""
CROSSING_SAMPLES = 3
"""Longest stay of such a wave at exactly 0."""


@dataclass
class _Segment:
    """Samples that were conditioned alike and have not come out yet."""

    count: int
    offset: PerChannel
    """At its first sample."""
    slope: PerChannel
    """Change of the offset from sample to sample."""
    exponent: Exponent
    moves: bool = field(init=False)
    """Set if the offset does."""
    plain: bool = field(init=False)
    """Set if nothing was changed."""

    def __post_init__(self) -> None:
        self.moves = bool(self.slope.any())
        self.plain = not (self.offset.any() or self.moves or self.exponent.any())

    def baseline(self, count: int) -> Signal:
        """The offset at the next `count` samples, ``[C, count]`` or ``[C, 1]`` where it stands still."""
        return self.offset + self.slope * np.arange(count) if self.moves else self.offset


class Conditioner:
    """Offset and scale of a stream, channel by channel.

    Args:
        channels: channels C.
        first_samples: from which offset and scale are told; nothing is passed on before they are there.
        span_samples: after each such span the offset is looked at again.
        scaled: whether the network takes any level alike.
        sure: whether the first samples are a long beginning: an offset of half an RMS then counts.
    """

    def __init__(
        self,
        *,
        channels: int,
        first_samples: int,
        span_samples: int,
        scaled: bool = False,
        sure: bool = False,
    ) -> None:
        self.first, self.scaled, self.least = max(1, first_samples), scaled, SURE if sure else UNSURE
        self.part = max(2, -(-span_samples // PARTS))
        """Samples of a part of a span."""
        self.buffer: list[Signal] = []
        self.begun = False
        zero = np.zeros((channels, 1))
        self.segments = deque([_Segment(0, zero, zero, zero.astype(np.intc))])
        """The last one is that of the next sample to come in."""
        self.unscaled = np.full((channels, 1), scaled)
        """Channels of which no sample was other than 0 yet."""
        self.is_scaled = not scaled
        """Set if there is no such channel."""
        self.near = np.full((channels, 1), np.inf)
        """Distance from 0 within which a wave may cross it; infinite where zeros are no dropouts."""
        self.before = np.full((channels, 1), np.inf)
        """The last sample other than 0 of such a channel; infinite before the first."""
        self.age = np.zeros((channels, 1), int)
        """Samples since then."""
        self.dropouts = deque[tuple[int, npt.NDArray[np.bool_]]]()
        """Their places in blocks ``[C, n]`` that have not come out yet, by the block's first sample."""
        self.dropped = np.zeros((channels, 1), int)
        """Dropouts so far."""
        self.taken_samples = self.given_samples = 0
        self.pending: list[Block] = []
        self.pending_samples = 0
        """Conditioned samples of the part that is not full yet."""
        self.held: Signal = zero
        self.varies = np.zeros((channels, 1), bool)
        """First sample of that part as it came in, and whether there has been any other."""
        self.means: list[PerChannel] = []
        """Means of the parts of this span, NaN where a channel holds one value."""
        self.powers: list[PerChannel] = []
        self.energy, self.counted = zero.copy(), zero.copy()

    def feed(self, rows: Signal) -> Block:
        """Take ``[C, n]`` and return what can be passed on, ``[C, m]`` in float32."""
        if self.begun:
            return self._condition(rows)
        self.buffer.append(rows.copy())
        if sum(block.shape[-1] for block in self.buffer) < self.first:
            return rows[:, :0].astype(np.float32)
        return self.flush()

    def flush(self) -> Block:
        """Return what is held out, ``[C, m]``."""
        if self.begun or not self.buffer:
            return np.zeros((len(self.unscaled), 0), np.float32)
        rows = self.buffer[0] if len(self.buffer) == 1 else np.concatenate(self.buffer, axis=-1)
        self.buffer, self.begun = [], True
        first = rows[:, : self.first].astype(np.float64)
        offset, self.near = estimated_offset(first, self.least)
        self._open(offset, np.zeros_like(offset))
        if np.isfinite(self.near).any():
            first = np.where(self._find_dropouts(first)[0], offset, first)
        self._scale(_peak(first, offset))
        return self._condition(rows)

    def _open(self, offset: PerChannel, slope: PerChannel) -> None:
        self.segments.append(_Segment(0, offset, slope, self.segments[-1].exponent))

    def _scale(self, peak: PerChannel) -> None:
        """Choose the scale of channels that have not had one, by their peak."""
        chosen = self.unscaled & (peak > 0)
        if not chosen.any():
            return
        far = chosen & ((peak < NEAR_ONE[0]) | (peak > NEAR_ONE[1]))
        self.unscaled &= ~chosen
        self.is_scaled = not self.unscaled.any()
        last = self.segments[-1]
        exponent = np.where(far, np.frexp(peak)[1], last.exponent)
        self.segments.append(_Segment(0, last.offset, last.slope, exponent))

    def _condition(self, rows: Signal) -> Block:
        blocks, start = list[Block](), 0
        while start < rows.shape[-1]:
            stop = min(start + self.part - self.pending_samples, rows.shape[-1])
            blocks.append(self._narrow(rows[:, start:stop]))
            self._note(blocks[-1], rows[:, start:stop])
            start = stop
        if len(blocks) == 1:
            return blocks[0]
        return np.concatenate([rows[:, :0].astype(np.float32), *blocks], axis=-1)

    def _narrow(self, rows: Signal) -> Block:
        """Rows of one segment around zero, scaled, in float32."""
        count = rows.shape[-1]
        if np.isfinite(self.near).any():
            rows = self._bridged(rows)
        self.taken_samples += count
        if not self.is_scaled:
            self._scale(_peak(rows - self.segments[-1].baseline(count)))
        now = self.segments[-1]
        now.count += count
        if not now.plain:
            rows = np.ldexp(rows - now.baseline(count), -now.exponent)
        if now.moves:
            self._open(now.offset + now.slope * count, now.slope)
        narrow = rows.astype(np.float32)
        return narrow.clip(-LARGEST_SCALED, LARGEST_SCALED, out=narrow) if self.scaled else narrow

    def _bridged(self, rows: Signal) -> Signal:
        """Rows of one segment with the offset in the place of dropouts."""
        dropouts, self.before, self.age = self._find_dropouts(rows)
        if not dropouts.any():
            return rows
        self.dropouts.append((self.taken_samples, dropouts))
        self.dropped += dropouts.sum(axis=-1, keepdims=True)
        return np.where(dropouts, self.segments[-1].baseline(rows.shape[-1]), rows)

    def _find_dropouts(self, rows: Signal) -> tuple[npt.NDArray[np.bool_], PerChannel, npt.NDArray[np.int_]]:
        """Places of dropouts ``[C, n]``; the last sample other than 0 at the end, and its age."""
        index = np.arange(rows.shape[-1])
        place = np.maximum.accumulate(np.where(rows != 0, index, -1), axis=-1)
        is_new = place >= 0
        last = np.where(is_new, np.take_along_axis(rows, np.maximum(place, 0), axis=-1), self.before)
        age = np.where(is_new, index - place, self.age + index + 1)
        lost = (np.abs(last) > self.near) | (np.isfinite(self.near) & (age > CROSSING_SAMPLES))
        dropouts = (rows == 0) & lost
        return dropouts, last[:, -1:], age[:, -1:]

    def _note(self, block: Block, rows: Signal) -> None:
        """Take the means of each part, and at the end of a span see whether the offset has moved."""
        if not self.pending:
            self.held, self.varies = rows[:, :1].copy(), np.zeros_like(self.varies)
        self.varies |= (rows != self.held).any(axis=-1, keepdims=True)
        self.pending.append(block)
        self.pending_samples += block.shape[-1]
        if self.pending_samples < self.part:
            return
        self._measure()
        if len(self.means) < PARTS:
            return
        means, powers = (np.concatenate(each, axis=-1) for each in (self.means, self.powers))
        self.means, self.powers = [], []
        told = 2 * (~np.isnan(means)).sum(axis=-1, keepdims=True) > PARTS
        means, powers = _of_parts(means), _of_parts(powers)
        last = self.segments[-1]
        moved = np.ldexp(np.where(told, _significant(means, powers, MOVED), 0), last.exponent)
        slope = moved / (PARTS * self.part)
        if slope.any() or last.moves:
            self._open(last.offset, slope)
        near = _near(last.offset, np.ldexp(_deviation(means, powers), last.exponent))
        self.near = np.where(told, near, self.near)

    def _measure(self) -> None:
        """Mean and power of the part that is full, or the last."""
        block = np.concatenate(self.pending, axis=-1) if len(self.pending) > 1 else self.pending[0]
        self.pending, self.pending_samples = [], 0
        wide = block.astype(np.float64)
        power = np.einsum("ct,ct->c", wide, wide)[:, None]
        self.means.append(np.where(self.varies, wide.mean(axis=-1, keepdims=True), np.nan))
        self.powers.append(np.where(self.varies, power / block.shape[-1], np.nan))
        sounding = power > 0
        self.energy += np.where(sounding, np.ldexp(power, 2 * self.segments[-1].exponent), 0)
        self.counted += np.where(sounding, block.shape[-1], 0)

    def rms(self) -> PerChannel:
        """Root of the mean square of what has come in, less the offset, silent parts left out, ``[C, 1]``."""
        if self.pending:
            self._measure()
        return np.sqrt(self.energy / np.maximum(self.counted, 1))

    def dropout_samples(self) -> int:
        """Return the number of dropouts, of all channels in which anything else varies.

        A channel of 0 and one other value, as of a trigger, comes out as it is, and its zeros may be meant.
        """
        return int(self.dropped[self.rms() > 0].sum())

    def restore(self, denoised: Block) -> Signal:
        """Undo scale and offset of the next samples that come out, ``[C, m]``."""
        start, blocks = 0, list[Signal]()
        while start < denoised.shape[-1]:
            segment = self.segments[0]
            if not segment.count and len(self.segments) > 1:
                self.segments.popleft()
                continue
            count = min(denoised.shape[-1] - start, segment.count)
            block: Signal = denoised[:, start : start + count]
            if not segment.plain:
                block = np.ldexp(block.astype(np.float64), segment.exponent) + segment.baseline(count)
                segment.offset = segment.offset + segment.slope * count
            blocks.append(block)
            segment.count -= count
            start += count
        restored = blocks[0] if len(blocks) == 1 else np.concatenate([denoised[:, :0], *blocks], axis=-1)
        return self._dropped(restored)

    def _dropped(self, rows: Signal) -> Signal:
        """The next samples that come out, with 0 put back at dropouts."""
        first, self.given_samples = self.given_samples, self.given_samples + rows.shape[-1]
        while self.dropouts and self.dropouts[0][0] < self.given_samples:
            start, where = self.dropouts[0]
            low, high = max(start, first), min(start + where.shape[-1], self.given_samples)
            rows[:, low - first : high - first][where[:, low - start : high - start]] = 0
            if high < start + where.shape[-1]:
                break
            self.dropouts.popleft()
        return rows


def _of_parts(figures: PerChannel) -> PerChannel:
    """Figures of parts ``[C, PARTS]``, of unknown ones the others' mean; 0 where none is known."""
    known = ~np.isnan(figures)
    total = np.where(known, figures, 0).sum(axis=-1, keepdims=True)
    return np.where(known, figures, total / np.maximum(1, known.sum(axis=-1, keepdims=True)))


def dropouts_note(count: int) -> list[str]:
    """Notes on so many dropouts."""
    noun = "sample" if count == 1 else "samples"
    what = "of exactly 0, far from those before: taken for dropouts, bridged for denoising, left 0"
    return [f"{count} {noun} {what}"] if count else []


def estimated_offset(rows: npt.NDArray[np.float64], least: float) -> tuple[PerChannel, PerChannel]:
    """The offset of each row, 0 where there is none that counts, and how near to 0 waves may cross it.

    Args:
        rows: ``[C, n]``, in float64; of fewer than 2 `PARTS` samples nothing is told.
        least: standard deviations of what varies that an offset has.

    Returns:
        ``[C, 1]`` each; the latter infinite where zeros are no dropouts.
    """
    offset, near = _offset(rows, least), np.full((len(rows), 1), np.inf)
    for index, row in enumerate(rows):
        alive = row if row.all() else row[row != 0]
        told = _offset(alive[None], least) if alive.size < row.size else offset[index]
        if told.any():
            near[index] = _near(told, (alive - told.item()).std())
        if np.isfinite(near[index]):
            offset[index] = told
        elif alive.size < row.size:
            offset[index] = _offset(_alive(row)[None], least)
    return offset, near


def _alive(row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Samples outside of long stretches of zeros; all of them where there are none outside."""
    runs = np.flatnonzero(np.diff(row == 0, prepend=False, append=False)).reshape(-1, 2)
    keep = np.ones(len(row), bool)
    for start, stop in runs[runs[:, 1] - runs[:, 0] > max(1, len(row) // PARTS**2)]:
        keep[start:stop] = False
    return row[keep] if keep.any() else row


def _offset(rows: npt.NDArray[np.float64], least: float) -> PerChannel:
    length = rows.shape[-1] // PARTS
    if length < 2:
        return np.zeros((len(rows), 1))
    origin = rows[:, :1]  # numbers far from zero would lose what varies in the squares
    parts = (rows[:, : PARTS * length] - origin).reshape(len(rows), PARTS, length)
    means = parts.mean(axis=-1)
    offset = _significant(means, np.square(parts, out=parts).mean(axis=-1), least, origin)
    if not offset.any():
        return offset
    return np.where(offset == 0, 0, origin + (rows - origin).mean(axis=-1, keepdims=True))


def _near(offset: PerChannel, deviation: PerChannel | float) -> PerChannel:
    """Distance from 0 within which waves may cross it; infinite where zeros are no dropouts."""
    return np.where(np.abs(offset) > FAR * deviation, CROSSING * deviation, np.inf)


def _peak(rows: Signal, offset: PerChannel | float = 0.0) -> PerChannel:
    """Greatest size of what lies around an offset, ``[C, 1]``; 0 where there are no samples."""
    if not rows.shape[-1]:
        return np.zeros((len(rows), 1))
    high, low = rows.max(axis=-1, keepdims=True), rows.min(axis=-1, keepdims=True)
    return np.asarray(np.maximum(high - offset, offset - low))


def _significant(
    means: PerChannel, powers: PerChannel, least: float, origin: PerChannel | float = 0.0
) -> PerChannel:
    """The mean, ``[C, 1]``, where it is an offset, else 0.

    Args:
        means: of the parts, ``[C, PARTS]``.
        powers: their mean squares.
        least: standard deviations of what varies that an offset has.
        origin: what both were taken from.
    """
    spread = means.std(axis=-1, keepdims=True)
    offset = means.mean(axis=-1, keepdims=True) + origin
    enough = np.maximum(least * _deviation(means, powers), SPREADS * spread)
    return np.where(np.abs(offset) > enough, offset, 0)


def _deviation(means: PerChannel, powers: PerChannel) -> PerChannel:
    """Standard deviation by the means of the parts and their mean squares, ``[C, 1]``."""
    mean = means.mean(axis=-1, keepdims=True)
    return np.asarray(np.sqrt(np.maximum(powers.mean(axis=-1, keepdims=True) - np.square(mean), 0)))
