"""Trains the speech models that come with the package, from recordings.

    pip install -e '.[train,media]'
    apt install asterisk-core-sounds-{en,es,fr,it,ru}-g722      # /usr/share/asterisk/sounds
    apt download 0ad-data                                       # public.zip: audio/ambient
    S="python benchmarks/shipped_models/speech.py"
    $S stretches --data DATA --announcements /usr/share/asterisk/sounds --ambience AMBIENT --out POOL
    $S train speech-16k --pool POOL --steps 6000 --out runs/first
    T="$S train speech-16k --pool POOL --quiet"
    $T --steps 1700 --learning-rate 0.0018 --from runs/first --out runs/second
    $T --steps 9100 --from runs/second --out runs/third
    $T --steps 13200 --seed 1 --from runs/third --out runs/fourth
    $T --steps 21000 --seed 2 --from runs/fourth --out runs/fifth
    $T --steps 12800 --learning-rate 0.0024 --seed 3 --from runs/fifth --out runs/sixth
    $S mean runs/fifth runs/sixth --share 0.6 --pool POOL --quiet --out speech-16k.safetensors
    E="$S train speech-8k --pool POOL --quiet --digits 0.4"
    $E --steps 6000 --learning-rate 0.0022 --from runs/fourth --out runs/third-8k
    $E --steps 19600 --learning-rate 0.002 --seed 1 --from runs/third-8k --out runs/fourth-8k
    M="$S mean runs/third-8k runs/fourth-8k --share 0.6"
    $M --pool POOL --quiet --digits 0.4 --out speech-8k.safetensors

DATA holds the data sets of the models' cards, as `speech_sources.Folders` says. POOL takes 4 GB and fifteen
minutes, 6000 steps about 40 minutes on one core; the same command again goes on with a training that was
stopped. Stretches of speech and of noise are prepared once and mixed anew at every step. `--quiet` trains on
stretches with less background and fewer rooms; `mean` is the mean of two models' weights.
`docs/package_model.py FILE NAME` puts a model into the package. The models that come along were trained in
these steps by a loop of their own: the order of random draws was another, none was chosen by its validation,
and 8 kHz took 2600, 1000, 2500, 8300 and 19,600 steps, the third and the fourth time from the 16 kHz of then
(the fourth model) but for the maps between places and bands. Mixtures that begin with noise are those of the
last 24,600 steps at 16 kHz and the last 19,600 at 8 kHz; magnitudes below clean weigh 0.85, not 1, in the
last 12,800.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speech_mixtures import FULL_SCALE, Mixtures, opened
from speech_sources import Folders, noises, speakers
from speech_stretches import DIGIT_GROUPS, GROUPS, LENGTH, active_level, draw_noise, draw_speech

from dan.config.load import load_recipe
from dan.data.batches import ValidationSet
from dan.data.recordings_source import TrainingData
from dan.inference.model_file import ModelInfo, find_model, load_model, save_model
from dan.training.checkpoint import load_checkpoint, save_checkpoint
from dan.training.loop import train, validate
from dan.training.run_folder import Run
from dan.training.state import Hooks, TrainingState, new_state
from dan.workflows.train import model_info

COUNTS = {"speech": 7000, "quiet": 4000, "digits": 2500, "noise": 5000}
"""Stretches of each kind."""
ROOM_SHARE = {"speech": 0.35, "quiet": 0.22, "digits": 0.35}
FLOOR = {"speech": 0.06, "quiet": 0.006, "digits": 0.06}
"""Lowest power gain of the background in what should come out."""
TALKERS = 500
"""Stretches of speech that babble is summed from."""
BATCH_SIZE, EPOCH_STEPS, VALIDATION_COUNT, EMA_DECAY = 8, 250, 96, 0.998


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


def train_model(options: argparse.Namespace) -> None:
    """Train in a run folder as the command line says; the same call again goes on where it ended."""
    torch.set_num_threads(1)
    recipe = load_recipe(options.recipe, overrides=settings(options))
    run, given = Run(options.out), shares(options)
    draws = {"shares": given, "rate_hz": int(recipe.signal.sample_rate_hz), "seed": recipe.seed}
    source = Mixtures(
        opened(options.pool, given), **draws, batch_size=BATCH_SIZE, steps_per_epoch=EPOCH_STEPS
    )
    validation = held_out(options, draws)
    with run.locked():
        resuming = run.prepare(recipe, force=False)
        state = new_state(recipe)
        state.digest = source.digest
        if resuming:
            load_checkpoint(run.checkpoint, state)
        elif options.start:
            start_from(options.start, state)
        words = f"the recordings that the card of {recipe.name} names"
        train(state, source, validation, hooks(run, TrainingData(source, validation, words)))


def held_out(options: argparse.Namespace, draws: dict[str, Any]) -> ValidationSet:
    """Mixtures of stretches that no training hears."""
    stretches = opened(options.pool, draws["shares"], held_back=True)
    batch = Mixtures(stretches, **draws, batch_size=VALIDATION_COUNT, steps_per_epoch=1).batch(0)
    return ValidationSet(clean=batch.clean[:, 0].numpy(), mixed=batch.noisy[:, 0].numpy())


def save_mean(options: argparse.Namespace) -> None:
    """Save the model whose weights lie at a share of the way from one model's to another's, validated."""
    (mean, info), (other, _) = (
        load_model(find_model(model, suffixes=(".safetensors",))) for model in options.models
    )
    with torch.no_grad():
        for weight, last in zip(mean.state_dict().values(), other.state_dict().values(), strict=True):
            if weight.is_floating_point():
                weight.lerp_(last, options.share)
    recipe = load_recipe(info.recipe)
    draws = {"shares": shares(options), "rate_hz": int(info.sample_rate_hz), "seed": recipe.seed}
    record = validate(new_state(recipe, start=mean), held_out(options, draws), steps_per_epoch=1)
    figures = {name: record[name] for name in ("val_snr_db", "val_snr_gain_db")}
    save_model(options.out, mean, info.model_copy(update=figures))


def settings(options: argparse.Namespace) -> list[str]:
    """What the shipped models' training sets otherwise than the recipe does."""
    epochs = -(-options.steps // EPOCH_STEPS)
    return [
        f"training.epochs={epochs}",
        f"training.ema_decay={EMA_DECAY}",
        f"generator_optimiser.learning_rate={options.learning_rate}",
        f"seed={options.seed}",
    ]


def shares(options: argparse.Namespace) -> dict[str, float]:
    """Shares of the kinds of speech."""
    speech = {"speech": 0.35, "quiet": 0.65} if options.quiet else {"speech": 1.0}
    given = {kind: share * (1 - options.digits) for kind, share in speech.items()}
    return given | ({"digits": options.digits} if options.digits else {})


def start_from(model: str, state: TrainingState) -> None:
    """Copy all weights whose shapes agree: from 16 to 8 kHz, all but those between places and bands."""
    weights = load_model(find_model(model, suffixes=(".safetensors",)))[0].state_dict()
    for network in filter(None, (state.generator, state.average)):
        own = network.state_dict()
        fitting = {name: weights[name] for name in own if weights[name].shape == own[name].shape}
        network.load_state_dict(own | fitting)


def hooks(run: Run, signals: TrainingData) -> Hooks:
    """Keep the state and the model at each validation, and print how it went."""

    def keep(state: TrainingState) -> None:
        save_checkpoint(run.checkpoint, state)
        run.write_history(state.history)

    def told(state: TrainingState) -> ModelInfo:  # of any level: the mixtures have no range of their own
        return model_info(state, signals).model_copy(update={"level_rms": None})

    return Hooks(
        validated=lambda record: print(json.dumps(record), flush=True),  # noqa: T201
        improved=lambda state: save_model(run.model, state.best, told(state)),
        checkpoint=keep,
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
    training.add_argument("--steps", type=int, required=True)
    training.add_argument("--from", dest="start", help="run folder, model file or name")
    training.add_argument("--learning-rate", type=float, default=0.003)
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--out", type=Path, required=True, help="run folder")
    training.set_defaults(run=train_model)
    mean = commands.add_parser("mean")
    mean.add_argument("models", nargs=2, help="run folders or model files")
    mean.add_argument("--share", type=float, default=0.5, help="of the way from the first to the second")
    mean.add_argument("--out", type=Path, required=True, help="model file")
    mean.set_defaults(run=save_mean)
    for command in (training, mean):
        command.add_argument("--pool", type=Path, required=True)
        command.add_argument("--digits", type=float, default=0.0, help="share of digits")
        command.add_argument("--quiet", action="store_true", help="mostly stretches with less background")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
