"""The theoretical limit of the founding task: the Bayes-optimal estimate.

The task: ``y = s + n``, where ``s`` is the mean of K unit sines of phase 0 at t = 0, each of a frequency
drawn uniformly from a band, and ``n`` is white Gaussian noise scaled to an SNR. No estimator has a smaller
expected error energy than the posterior mean of ``s``, so its output SNR is where every denoiser's ceiling
is. docs/limit.md tells the same story at length, with figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Array, Signal, check_band, check_sample_rate, check_signal, energy
from dan.core.errors import DanError
from dan.core.progress import track
from dan.dsp.phasors import phasors

Coarse = npt.NDArray[np.float32]

GRID_POINTS_PER_CELL = 16
"""Grid points to one Rayleigh cell (1 / duration): a finer grid only has more proposals accepted."""

GRID_LIMIT_VALUES = 2**25
"""Largest grid of proposals, frequencies times samples: 128 MB."""

COOLING = 1.5
"""Factor of the noise variance between two levels of the annealing."""

CHUNK_VALUES = 400_000
"""Samples of sines (signals x particles x sines x T) held at once: 32 signals of the founding task."""


def bayes_estimate(
    noisy: npt.ArrayLike,
    *,
    sample_rate_hz: float,
    frequency_hz: tuple[float, float] = (10.0, 64.0),
    sines: int = 3,
    snr_db: float = -2.0,
    particles: int = 16,
    sweeps: int = 30,
    seed: int = 0,
) -> Signal:
    """Posterior mean of the clean signal under the founding task's own prior.

    The posterior over the K frequencies has many separate peaks, so it is sampled by a population of
    particles a signal that is cooled from a high noise variance to the true one: at each level the particles
    are weighted and resampled, which puts them on the peaks in proportion to their mass, and then moved. A
    sweep of moves draws each frequency in turn from its conditional given the others (Gibbs, on a grid,
    corrected to the exact posterior by Metropolis-Hastings), then all of them together from the Gaussian that
    a Gauss-Newton step predicts (corrected likewise): the first jumps between peaks, the second resolves a
    peak far narrower than the grid and sines so close that their frequencies are correlated. The estimate is
    the mean signal over the particles of the last ``sweeps`` sweeps, at the true noise variance.

    It is no denoiser for anything else: amplitudes (1 / K), phases (0 at the first sample), the number of
    sines and the SNR are taken as known.

    Args:
        noisy: ``[*, T]``, sines at unity gain plus white Gaussian noise.
        sample_rate_hz: its rate in Hz.
        frequency_hz: lowest and highest frequency of the prior in Hz, up to half the rate.
        sines: their number K, at least 1; the clean signal is their mean.
        snr_db: SNR of each noisy signal.
        particles: population of one signal, at least 2.
        sweeps: sweeps averaged at the end, at least 1.
        seed: the same seed gives the same estimate.

    Returns:
        The estimate ``[*, T]``, of the dtype of `noisy`.

    Raises:
        DanError: if the signal or a setting is wrong.

    Source: S. Geman and D. Geman, "Stochastic relaxation, Gibbs distributions, and the Bayesian restoration
    of images", 1984; the annealed population after P. Del Moral, A. Doucet and A. Jasra, "Sequential Monte
    Carlo samplers", 2006.
    """
    signal = check_signal(noisy, name="noisy")
    _check_snr(snr_db)
    for name, value, least in (("sines", sines, 1), ("particles", particles, 2), ("sweeps", sweeps, 1)):
        if value < least:
            raise DanError(f"{name}={value}", f"it is at least {least}", f"Give {least} or more")

    flat = signal.reshape(-1, signal.shape[-1]).astype(np.float64)
    prior = _Prior.build(sample_rate_hz, frequency_hz, sines=sines, length_samples=flat.shape[-1])
    chunks = np.array_split(flat, math.ceil(flat.size * particles * sines / CHUNK_VALUES))
    chunks = [chunk for chunk in chunks if len(chunk)]
    estimates = []
    seeds = np.random.SeedSequence(seed).spawn(len(chunks))
    for chunk, chunk_seed in track(list(zip(chunks, seeds, strict=True)), "Theoretical limit"):
        sampler = _Sampler(chunk, prior, particles=particles, random=np.random.default_rng(chunk_seed))
        estimates.append(sampler.posterior_mean(prior.noise_variance(snr_db, len(chunk)), sweeps=sweeps))
    return np.concatenate(estimates).reshape(signal.shape).astype(signal.dtype)


def _check_snr(snr_db: float) -> None:
    if not -60 <= snr_db <= 60:
        raise DanError(f"snr_db={snr_db}", "it is from -60 to 60 dB", "Give the input's SNR")


@dataclass(frozen=True)
class _Prior:
    """Prior of a signal, and the grid of frequencies from which proposals are drawn."""

    sample_rate_hz: float
    low_hz: float
    high_hz: float
    sines: int
    slope: Array
    """Angle per Hz at each sample, ``[T]``."""
    cell_hz: float
    """Width of a grid cell."""
    waves: Coarse
    """The sines of the grid's frequencies, ``[T, G]``."""

    @classmethod
    def build(
        cls, rate_hz: float, band_hz: tuple[float, float], *, sines: int, length_samples: int
    ) -> _Prior:
        rate_hz = check_sample_rate(rate_hz)
        low_hz, high_hz = check_band(band_hz, sample_rate_hz=rate_hz)
        count = math.ceil((high_hz - low_hz) * length_samples / rate_hz * GRID_POINTS_PER_CELL)
        if count * length_samples > GRID_LIMIT_VALUES:
            what = f"frequency_hz=({low_hz:g}, {high_hz:g}) over {length_samples} samples at {rate_hz:g} Hz"
            rule = f"the grid of {count} frequencies passes {GRID_LIMIT_VALUES} values"
            raise DanError(what, rule, "Estimate shorter signals, or over a narrower band")
        cell_hz = (high_hz - low_hz) / count
        centres_hz = low_hz + (np.arange(count) + 0.5) * cell_hz
        slope = np.arange(length_samples, dtype=np.float64) * (2 * np.pi / rate_hz)
        # float32 will do: Metropolis-Hastings corrects the proposals
        waves: Coarse = np.outer(slope.astype(np.float32), centres_hz.astype(np.float32))
        np.sin(waves, out=waves)
        waves /= np.float32(sines)
        return cls(rate_hz, low_hz, high_hz, sines, slope, cell_hz, waves)

    def phasors(self, frequency_hz: Array) -> npt.NDArray[np.complex128]:
        """Slopes (real) and sines (imaginary part) at their amplitude 1 / K: ``[*] -> [*, T]``."""
        waves = phasors(frequency_hz, length_samples=len(self.slope), sample_rate_hz=self.sample_rate_hz)
        waves /= self.sines
        return waves

    def noise_variance(self, snr_db: float, count: int) -> Array:
        """Return the noise's variance for each of `count` signals, whose mean power is 1 / 2K."""
        return np.full(count, 0.5 / self.sines / 10 ** (snr_db / 10))

    def grid_precision(self) -> float:
        """The noise's precision (1 / variance) at which a frequency's posterior is as wide as a grid cell."""
        information = 0.5 * np.sum(self.slope**2) / self.sines**2
        return float(1 / max(information * self.cell_hz**2, np.finfo(float).tiny))


@dataclass(frozen=True)
class _Gaussian:
    """Gaussian over frequencies ``[*, K]``."""

    centre_hz: Array
    root: Array
    """Cholesky root of its precision, ``[*, K, K]``."""

    def draw(self, random: np.random.Generator) -> Array:
        white = random.standard_normal(self.centre_hz.shape)
        offset_hz = np.linalg.solve(np.swapaxes(self.root, -1, -2), white[..., None])[..., 0]
        return np.asarray(self.centre_hz + offset_hz, dtype=np.float64)

    def log_density(self, frequency_hz: Array) -> Array:
        """Return the log density ``[*]``, up to a constant that all Gaussians share."""
        white = ((frequency_hz - self.centre_hz)[..., None, :] @ self.root)[..., 0, :]
        log_root = np.log(np.einsum("...kk->...k", self.root)).sum(axis=-1)
        return np.asarray(log_root - 0.5 * energy(white), dtype=np.float64)


class _Sampler:
    """A population of P guesses of K frequencies for each signal of a chunk ``[N, T]``."""

    def __init__(self, noisy: Array, prior: _Prior, *, particles: int, random: np.random.Generator) -> None:
        self.noisy, self.prior, self.random = noisy[:, None], prior, random
        shape = (len(noisy), particles, prior.sines)
        self.frequency_hz = random.uniform(prior.low_hz, prior.high_hz, shape)  # [N, P, K]
        self.residual = self._residual(self.frequency_hz)  # [N, P, T]
        self.grid_energy = np.einsum("tg,tg->g", prior.waves, prior.waves)

    def posterior_mean(self, noise_variance: Array, *, sweeps: int) -> Array:
        """Return the mean clean signal ``[N, T]`` for noise of a variance ``[N]``."""
        precision = np.zeros(len(noise_variance))
        for cooler in self._cooling(1 / noise_variance):
            self._resample(cooler - precision)
            self._sweep(cooler[:, None])
            precision = cooler
        residual = np.zeros_like(self.noisy[:, 0])
        for _ in range(sweeps):
            self._sweep(precision[:, None])
            residual += self.residual.mean(axis=1) / sweeps
        return np.asarray(self.noisy[:, 0] - residual)

    def _cooling(self, final: Array) -> Array:
        """Precisions from one at which a sine barely shows up to the final one: ``[N] -> [levels, N]``."""
        shows = 2 * self.prior.sines**2 / len(self.prior.slope)  # 1 / (energy of a sine)
        levels = max(1, math.ceil(math.log(final.max() / shows) / math.log(COOLING)))
        return np.asarray(final * COOLING ** -np.arange(levels, dtype=np.float64)[::-1, None])

    def _resample(self, step: Array) -> None:
        """Systematic resampling by the weights that raising the precision by `step` ``[N]`` gives."""
        log_weight = -0.5 * step[:, None] * energy(self.residual)
        weight = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
        edges = np.cumsum(weight, axis=-1) / weight.sum(axis=-1, keepdims=True)
        count = weight.shape[-1]
        comb = (np.arange(count) + self.random.random((len(step), 1))) / count
        chosen = (edges[:, None, :-1] < comb[:, :, None]).sum(axis=-1)[..., None]
        self.frequency_hz = np.take_along_axis(self.frequency_hz, chosen, axis=1)
        self.residual = np.take_along_axis(self.residual, chosen, axis=1)

    def _sweep(self, precision: Array) -> None:
        for index in range(self.prior.sines):
            self._gibbs(index, precision)
        self._newton(precision)

    def _gibbs(self, index: int, precision: Array) -> None:
        """Move one frequency: to a grid cell by its mass given the others, then anywhere within it."""
        current_hz = self.frequency_hz[..., index]
        others = self.residual + self.prior.phasors(current_hz).imag
        log_mass = self._grid_log_mass(others, precision)
        cell = self._draw(log_mass)
        cell_before = ((current_hz - self.prior.low_hz) / self.prior.cell_hz).astype(np.int64)
        cell_before = np.minimum(cell_before, log_mass.shape[-1] - 1)
        proposed = self.frequency_hz.copy()
        within = self.random.random(cell.shape)
        proposed[..., index] = self.prior.low_hz + (cell + within) * self.prior.cell_hz
        residual = others - self.prior.phasors(proposed[..., index]).imag
        self._accept(proposed, residual, precision, _at(log_mass, cell_before) - _at(log_mass, cell))

    def _grid_log_mass(self, others: Array, precision: Array) -> Coarse:
        """Log of a frequency's conditional, to a constant, no narrower than a cell: ``[N, P, G]``."""
        rows = others.reshape(-1, others.shape[-1]).astype(np.float32)
        log_mass = (rows @ self.prior.waves).reshape(*others.shape[:-1], -1)
        log_mass -= 0.5 * self.grid_energy
        log_mass *= np.minimum(precision, self.prior.grid_precision()).astype(np.float32)[..., None]
        log_mass -= log_mass.max(axis=-1, keepdims=True)
        return np.asarray(log_mass)

    def _draw(self, log_mass: Coarse) -> npt.NDArray[np.int64]:
        below = np.cumsum(np.exp(log_mass), axis=-1)
        level = self.random.random(below.shape[:-1], dtype=np.float32) * below[..., -1]
        return np.asarray((below[..., :-1] < level[..., None]).sum(axis=-1))

    def _newton(self, precision: Array) -> None:
        """Move all frequencies at once, drawn from the Gaussian to which a Gauss-Newton step leads."""
        there = self._gaussian(self.frequency_hz, self.residual, precision)
        proposed = there.draw(self.random)
        inside = np.all((proposed >= self.prior.low_hz) & (proposed <= self.prior.high_hz), axis=-1)
        proposed = np.where(inside[..., None], proposed, self.frequency_hz)
        residual = self._residual(proposed)
        back = self._gaussian(proposed, residual, precision)
        log_odds = back.log_density(self.frequency_hz) - there.log_density(proposed)
        self._accept(proposed, residual, precision, np.where(inside, log_odds, -np.inf))

    def _gaussian(self, frequency_hz: Array, residual: Array, precision: Array) -> _Gaussian:
        """The posterior as it looks from here: centred where a Gauss-Newton step leads."""
        jacobian = self.prior.phasors(frequency_hz).real * self.prior.slope  # [N, P, K, T]
        spread = 12 / (self.prior.high_hz - self.prior.low_hz) ** 2  # precision of the uniform prior
        fisher = precision[..., None, None] * (jacobian @ np.swapaxes(jacobian, -1, -2))
        fisher += spread * np.eye(self.prior.sines)
        gradient = precision[..., None, None] * (jacobian @ residual[..., None])
        centre_hz = frequency_hz + np.linalg.solve(fisher, gradient)[..., 0]
        return _Gaussian(centre_hz, np.asarray(np.linalg.cholesky(fisher), dtype=np.float64))

    def _accept(self, proposed: Array, residual: Array, precision: Array, log_odds: Array) -> None:
        """Metropolis-Hastings; `log_odds` are of proposing the way back against the way there, ``[N, P]``."""
        log_ratio = 0.5 * precision * (energy(self.residual) - energy(residual)) + log_odds
        accepted = log_ratio > -self.random.standard_exponential(log_ratio.shape)
        self.frequency_hz = np.where(accepted[..., None], proposed, self.frequency_hz)
        self.residual = np.where(accepted[..., None], residual, self.residual)

    def _residual(self, frequency_hz: Array) -> Array:
        return np.asarray(self.noisy - self.prior.phasors(frequency_hz).imag.sum(axis=-2))


def _at(log_mass: Coarse, cell: npt.NDArray[np.int64]) -> Array:
    return np.take_along_axis(log_mass, cell[..., None], axis=-1)[..., 0].astype(np.float64)
