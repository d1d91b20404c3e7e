"""Trains the speech models that come with the package, from recordings.

    pip install -e '.[train,media]'
    apt install asterisk-core-sounds-{en,es,fr,it,ru}-g722      # /usr/share/asterisk/sounds
    apt download 0ad-data                                       # public.zip: audio/ambient
    S="python benchmarks/shipped_models/speech.py"
    $S stretches --data DATA --announcements /usr/share/asterisk/sounds --ambience AMBIENT --out POOL
    $S train speech-16k --pool POOL --steps 6000 --out first.safetensors
    F="--pool POOL --from first.safetensors --learning-rate 0.0018"
    $S train speech-16k $F --steps 1700 --quiet --out speech-16k.safetensors
    $S train speech-8k $F --steps 2600 --digits 0.3 --out second.safetensors
    G="--pool POOL --from second.safetensors --learning-rate 0.0014"
    $S train speech-8k $G --steps 1000 --digits 0.45 --out speech-8k.safetensors

DATA holds the data sets of the models' cards, as `speech_sources.Folders` says. POOL takes 4 GB and fifteen
minutes, 6000 steps about 50 minutes on one core. Stretches of speech and of noise are prepared once and
mixed anew at every step: at random SNRs, in random bands, clipped, coded and with an offset. `--quiet` trains
on stretches with less background and fewer rooms. `docs/package_model.py FILE NAME` puts a model into the
package. The models that come along were made by this script before it was tidied: the order of its random
draws has changed since.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
import torch
from speech_sources import Folders, noises, speakers
from speech_stretches import DIGIT_GROUPS, GROUPS, LENGTH, active_level, draw_noise, draw_speech
from torch import Tensor, nn

from dan.config import Recipe
from dan.config.load import load_recipe
from dan.core.version import __version__
from dan.inference.model_file import ModelInfo, load_model, save_model
from dan.losses.reconstruction import generator_losses
from dan.networks.base import GeneratorBase
from dan.networks.factory import build_generator

COUNTS = {"speech": 7000, "quiet": 4000, "digits": 2500, "noise": 5000}
"""Stretches of each kind."""
ROOM_SHARE = {"speech": 0.35, "quiet": 0.22, "digits": 0.35}
FLOOR = {"speech": 0.06, "quiet": 0.006, "digits": 0.06}
"""Lowest power gain of the background in what should come out."""
TALKERS = 500
"""Stretches of speech that babble is summed from."""
SEGMENT_S, BATCH_SIZE = 2.5, 8
SNR_DB, SNR_SPREAD_DB = 5.0, 7.0
"""Mean and standard deviation of the SNR of a mixture, relative to the active level of speech."""
CLEAN_SHARE, GATED_SHARE, BAND_SHARE = 0.1, 0.04, 0.3
"""Shares without noise, with noise only where there is speech, and within a band."""
FULL_SCALE = 16.0
"""Level in a stretch that is the largest whole number on disk."""


def prepare(folders: Folders, out: Path) -> None:
    """Draw all stretches and store them as 16-bit numbers, ``[count, 2 or 1, T]``."""
    out.mkdir(parents=True, exist_ok=True)
    people = [speaker for speaker in speakers(folders) if not speaker.held_out]
    sounds = [noise for noise in noises(folders) if not noise.held_out]
    random = np.random.default_rng(99)
    no_digits = {"read": 0.45, "announcements": 0.3, "crowd": 0.15, "words": 0.1}
    talkers = [draw_speech(people, random, no_digits, 0.0, 0.06)[0] for _ in range(TALKERS)]
    talkers = [talker / active_level(talker) for talker in talkers]
    for seed, (kind, count) in enumerate(COUNTS.items()):
        rows = 1 if kind == "noise" else 2
        stored = np.lib.format.open_memmap(out / f"{kind}.npy", "w+", np.int16, (count, rows, LENGTH))
        for index in range(count):
            random = np.random.default_rng([seed, index])
            if kind == "noise":
                drawn = draw_noise(sounds, talkers, random)[None]
            else:
                groups = DIGIT_GROUPS if kind == "digits" else GROUPS
                drawn = np.stack(draw_speech(people, random, groups, ROOM_SHARE[kind], FLOOR[kind]))
            stored[index] = np.round(drawn / max(FULL_SCALE, np.abs(drawn).max()) * 32767)


class Mixtures:
    """Batches of mixtures of the stretches in a pool.

    Args:
        pool: folder of the stretches.
        rate_hz: of the mixtures, 16000 or 8000.
        shares: shares of the kinds of speech.
        seed: of everything random.
    """

    def __init__(self, pool: Path, rate_hz: int, shares: dict[str, float], seed: int) -> None:
        self.rate_hz, self.shares, self.seed = rate_hz, shares, seed
        self.length = round(SEGMENT_S * rate_hz)
        self.stretches = {kind: np.load(pool / f"{kind}.npy", mmap_mode="r") for kind in (*shares, "noise")}

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return noisy and clean signals ``[B, 1, T]`` of a step."""
        random = np.random.default_rng([self.seed, step])
        pairs = np.stack([self._mixture(random) for _ in range(BATCH_SIZE)])
        noisy, clean = torch.from_numpy(pairs.astype(np.float32)).transpose(0, 1)[:, :, None]
        return noisy, clean

    def _mixture(self, random: np.random.Generator) -> np.ndarray:
        heard, wanted = self._speech(random)
        noise = self._noise(random)
        if random.random() < GATED_SHARE:
            power = np.convolve(wanted**2, np.full(self.rate_hz // 10, 10 / self.rate_hz), "same")
            noise = noise * np.convolve(power > 0.01, np.full(400, 1 / 400), "same")
        snr_db = np.clip(random.normal(SNR_DB, SNR_SPREAD_DB), -9, 24)
        gain = 0 if random.random() < CLEAN_SHARE else 10 ** (-snr_db / 20)
        spectra = np.fft.rfft(np.stack([heard + gain * noise, wanted])) * self._band(random)
        mixed, clean = np.fft.irfft(spectra, self.length)
        level = 10 ** (random.uniform(-40, -8) / 20) * random.choice([-1, 1])
        return level * np.stack([_recorded(mixed, random), clean])

    def _speech(self, random: np.random.Generator) -> np.ndarray:
        """A part of a stretch at an active level of 1; a silent one is drawn again."""
        kind = random.choice(list(self.shares), p=list(self.shares.values()))
        pair = self._part(kind, random)
        return pair / active_level(pair[1]) if np.sqrt(np.mean(pair[1] ** 2)) > 0.1 else self._speech(random)

    def _noise(self, random: np.random.Generator) -> np.ndarray:
        """Noise of variance 1: one stretch, often two, at times three, those behind up to 10 dB weaker."""
        noise = np.zeros(self.length)
        for index in range(1 + (random.random() < 0.35) + (random.random() < 0.1)):
            part = self._part("noise", random)[0]
            weaker = 10 ** (random.uniform(-10, 0) / 20) if index else 1.0
            noise += weaker * random.choice([-1, 1]) * part / (np.sqrt(np.mean(part**2)) + 0.01)
        return noise / (np.sqrt(np.mean(noise**2)) + 1e-6)

    def _part(self, kind: str, random: np.random.Generator) -> np.ndarray:
        """A random part of a random stretch, ``[2 or 1, T]``, at the rate of the mixtures."""
        stored = self.stretches[kind]
        factor = 16000 // self.rate_hz
        start = random.integers(LENGTH - factor * self.length + 1)
        part = stored[random.integers(len(stored)), :, start : start + factor * self.length]
        part = part.astype(np.float64) * FULL_SCALE / 32767
        return part if factor == 1 else soxr.resample(part.T, 16000, self.rate_hz).T[:, : self.length]

    def _band(self, random: np.random.Generator) -> np.ndarray:
        """Gain of a telephone's or a codec's band in each bin; mostly 1."""
        frequency_hz = np.fft.rfftfreq(self.length, 1 / self.rate_hz)
        gain = np.ones(len(frequency_hz))
        if random.random() >= BAND_SHARE:
            return gain
        telephone, steepness = random.random() < 0.5, random.uniform(0.03, 0.15)
        any_hz = np.exp(random.uniform(np.log(2600), np.log(0.48 * self.rate_hz)))
        high_hz = random.uniform(3200, 3700) if telephone else any_hz
        if high_hz < 0.47 * self.rate_hz:
            gain /= 1 + np.exp((frequency_hz - high_hz) / (steepness * high_hz))
        if random.random() < 0.6:
            low_hz = random.uniform(60, 400)
            gain /= 1 + np.exp((low_hz - frequency_hz) / (2 * steepness * low_hz))
        return gain


def _recorded(signal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A signal as some devices give it: clipped, in mu-law, with an offset; mostly as it is."""
    draw, largest = random.random(), np.abs(signal).max() + 1e-6
    if draw < 0.07:
        limit = np.quantile(np.abs(signal), random.uniform(0.97, 0.9999))
        return signal.clip(-limit, limit)
    if draw < 0.12:
        code = np.round(127 * np.log1p(255 * np.abs(signal) / largest) / np.log(256)) / 127
        return np.sign(signal) * largest * np.expm1(code * np.log(256)) / 255
    return signal + 0.3 * random.normal() if draw < 0.17 else signal


def train(
    recipe: Recipe, mixtures: Mixtures, generator: GeneratorBase, *, steps: int, learning_rate: float
) -> Iterator[float]:
    """Train a generator in place; yields the loss of each step.

    The weights at the end are their running average, whose memory is at most 500 steps.
    """
    matrices = [weight for weight in generator.parameters() if weight.ndim > 1]
    vectors = [weight for weight in generator.parameters() if weight.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))
    average = {name: value.clone() for name, value in generator.state_dict().items()}
    for step in range(steps):
        share = min(1.0, (step + 1) / 300) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * share + 1e-5
        noisy, clean = mixtures.batch(step)
        terms = generator_losses(
            recipe.losses,
            estimate=generator(noisy),
            reference=clean,
            sample_rate_hz=recipe.signal.sample_rate_hz,
        )
        loss = torch.stack(list(terms.values())).sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 3.0)
        optimiser.step()
        with torch.no_grad():
            for name, value in generator.state_dict().items():
                average[name].lerp_(value, 1 - min(0.998, (step + 1) / (step + 11)))
        yield loss.item()
    generator.load_state_dict(average)


def model_info(recipe: Recipe, generator: GeneratorBase) -> ModelInfo:
    """What the model file says of itself; its scores are on its card."""
    return ModelInfo(
        name=recipe.name,
        version=__version__,
        recipe=recipe.name,
        generator=recipe.generator,
        signal=recipe.signal,
        parameters=sum(parameter.numel() for parameter in generator.parameters()),
        latency_samples=generator.latency_samples,
        receptive_field_samples=generator.receptive_field_samples,
        channels=1,
        trained_on=f"the recordings that the card of {recipe.name} names",
        seed=recipe.seed,
        val_snr_db=0.0,
        val_snr_gain_db=0.0,
    )


def run_training(options: argparse.Namespace) -> None:
    """Train a model as the command line says, and save it."""
    recipe = load_recipe(options.recipe)
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)
    generator = build_generator(recipe.generator, recipe.signal)
    if options.start:
        copy_weights(load_model(options.start)[0], generator)
    speech = {"speech": 0.35, "quiet": 0.65} if options.quiet else {"speech": 1.0}
    shares = {kind: share * (1 - options.digits) for kind, share in speech.items()}
    shares |= {"digits": options.digits} if options.digits else {}
    mixtures = Mixtures(options.pool, int(recipe.signal.sample_rate_hz), shares, seed=11)
    rate = options.learning_rate
    for step, loss in enumerate(
        train(recipe, mixtures, generator.train(), steps=options.steps, learning_rate=rate)
    ):
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss:.3f}", flush=True)  # noqa: T201
    save_model(options.out, generator.eval(), model_info(recipe, generator))


def copy_weights(source: GeneratorBase, target: GeneratorBase) -> None:
    """Copy all weights whose shapes agree: from 16 to 8 kHz, all but those between places and bands."""
    weights, own = source.state_dict(), target.state_dict()
    target.load_state_dict(
        {name: weights[name] if weights[name].shape == own[name].shape else own[name] for name in own}
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    stretches = commands.add_parser("stretches")
    for name in ("data", "announcements", "ambience", "out"):
        stretches.add_argument(f"--{name}", type=Path, required=True)
    stretches.set_defaults(
        run=lambda given: prepare(Folders(given.data, given.announcements, given.ambience), given.out)
    )
    training = commands.add_parser("train")
    training.add_argument("recipe", choices=["speech-16k", "speech-8k"])
    training.add_argument("--pool", type=Path, required=True)
    training.add_argument("--steps", type=int, required=True)
    training.add_argument("--from", dest="start", type=Path)
    training.add_argument("--learning-rate", type=float, default=0.003)
    training.add_argument("--digits", type=float, default=0.0, help="share of digits")
    training.add_argument("--quiet", action="store_true", help="mostly stretches with less background")
    training.add_argument("--out", type=Path, required=True)
    training.set_defaults(run=run_training)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
