"""A session of training in a run folder: what `dan train` does around the training itself."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dan.config import Recipe
from dan.config.load import load_recipe
from dan.core.errors import DanError
from dan.core.extras import require
from dan.core.progress import at_least
from dan.core.stopping import Stopped, awaited
from dan.data.batches import ValidationSet
from dan.data.folder.load import create
from dan.data.noisy_source import forget_cuts, open_refined, with_trials
from dan.data.recordings_source import Folders, TrainingData
from dan.data.sources import open_training_data
from dan.data.takes import taking_turns
from dan.inference.model_file import load_model, save_model
from dan.losses.noisy_targets import for_noisy_targets
from dan.networks import processes
from dan.training.checkpoint import load_checkpoint, save_checkpoint
from dan.training.diagnostics import data_warnings, discriminator_warning, verdict
from dan.training.history import Record, epochs_without_gain
from dan.training.loop import apply, train
from dan.training.run_folder import Run, recordings_around
from dan.training.state import Hooks, TrainingState, new_state
from dan.training.take_checks import compare_takes, doubt_of
from dan.workflows.fine_tuning import beside_start, start_from
from dan.workflows.model_info import model_info
from dan.workflows.refine import check_rounds, refine
from dan.workflows.run_pictures import look_at, plot_run

log = logging.getLogger(__name__)

NO_FOLDERS = Folders()
WITHOUT_CLEAN = (
    "Without clean recordings: the SNR is the only loss, recordings are varied in level and polarity alone, "
    "and every figure of the validation is an estimate."
)


class Deadline:
    """An end that comes by the clock, so many minutes from now; None for none."""

    def __init__(self, minutes: float | None) -> None:
        self._start, self._seconds = time.monotonic(), math.inf if minutes is None else 60 * minutes

    def share(self) -> float:
        """Share of the time that has passed, in [0, 1]."""
        passed = time.monotonic() - self._start
        return passed / self._seconds if passed < self._seconds else 1.0

    def is_over(self) -> bool:
        """Return whether all of it has."""
        return self.share() == 1


@dataclass(frozen=True)
class Session:
    """Options of a call, which hold for each of its trainings."""

    place: str
    """Device on which torch computes."""
    deadline: Deadline
    force: bool
    """Start over what is there."""
    tensorboard: bool


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training."""

    run: Run
    state: TrainingState
    complete: bool
    """Set if the training has come to its end; if not, the same call resumes it."""
    verdict: list[str]
    """Diagnosis of the training, in a few sentences."""


def train_run(
    recipe: Recipe,
    out: Path,
    *,
    folders: Folders = NO_FOLDERS,
    force: bool = False,
    max_minutes: float | None = None,
    device: str = "cpu",
    tensorboard: bool = False,
) -> TrainingResult:
    """Train by a recipe in a run folder; the same call again resumes, also after Ctrl-C.

    What happens is logged, and each validation with it. In several processes, as `torchrun` starts them, each
    works on its part of every batch, and the first alone writes.

    Args:
        recipe: the whole training.
        out: the run folder.
        folders: where signals come from that are not drawn; without any, a recipe that reads a data folder
            gets one made under `out`.
        force: start over what is there.
        max_minutes: stop after so many minutes, resumable.
        device: where torch computes: `cpu`, `cuda`, `cuda:N`, `mps` or `xpu`.
        tensorboard: write the curves for TensorBoard as well, under `out`.

    Returns:
        What came out.

    Raises:
        DanError: if the recipe, the data or the folder is wrong, the folder is in use, a disk is full, or the
            training diverges. The best model and the last checkpoint are then still there.
    """
    run, deadline = Run(out), Deadline(max_minutes)
    _check_apart(folders, out)
    _check_labels(folders)
    check_rounds(recipe, folders)
    recipe = _for_folders(recipe, folders)
    with processes.joined(device) as place, _locked(run):
        session = Session(place, deadline, force, tensorboard)
        if folders.are_noisy:
            log.info(WITHOUT_CLEAN)
        with processes.first_alone():
            if force and processes.rank() == 0:
                forget_cuts(run.cache)
            folders = with_trials(folders, cache=run.cache)
        if recipe.refinement.rounds:
            return _train_in_rounds(run, recipe, folders, session)
        own = recipe.data.source == "folder" and not any(folders.paths())
        opening = None if own else partial(open_training_data, recipe, folders, cache=run.cache)
        return _train(run, recipe, opening, session)


def _for_folders(recipe: Recipe, folders: Folders) -> Recipe:
    """The recipe for noisy recordings alone, and for trials, which are too short to be cut in time."""
    if folders.are_noisy:
        recipe = for_noisy_targets(recipe)
    if folders.epochs_s is None or recipe.recordings.clean_split != "time":
        return recipe
    by_file = recipe.recordings.model_copy(update={"clean_split": "file"})
    return recipe.model_copy(update={"recordings": by_file})


def _check_labels(folders: Folders) -> None:
    """Refuse labels where nothing is cut by them."""
    is_alone = folders.noisy and not (folders.clean or folders.noise or folders.second_take)
    if folders.labels and not is_alone:
        rule = "they say where noise or trials are in --noisy alone, and here nothing is cut out of it"
        raise DanError(f"--labels {folders.labels}", rule, "Leave it out")


def _train_in_rounds(run: Run, recipe: Recipe, folders: Folders, session: Session) -> TrainingResult:
    """Train the models of the rounds within the run's cache, and from their outputs the run's own."""
    outcomes: list[TrainingResult] = []

    def training(recipe: Recipe, out: Path, opening: Callable[[], TrainingData]) -> bool:
        with _locked(Run(out)):
            outcomes.append(_train(Run(out), recipe, opening, replace(session, tensorboard=False)))
        return outcomes[-1].complete

    run.check(recipe, force=session.force)
    denoised = refine(recipe, folders, cache=run.cache, training=training, force=session.force)
    if denoised is None:
        return outcomes[-1]
    return _train(run, recipe, partial(open_refined, recipe, folders, denoised, cache=run.cache), session)


def _train(
    run: Run, recipe: Recipe, opening: Callable[[], TrainingData] | None, session: Session
) -> TrainingResult:
    """Train in a run folder that is held, on signals that are opened, or on data made for it."""
    signals = _opened(recipe, run, opening, force=session.force)
    state = _begun(recipe, run, signals, session.place)
    with closing(signals.source), _writer(run, wanted=session.tensorboard) as write, _asked() as asked:
        hooks = _hooks(run, signals, session.deadline.is_over, asked)
        with at_least(session.deadline.share):
            complete = train(state, signals.source, signals.validation, replace(hooks, validated=write))
        _leave_together(asked(), complete)
    return _finish(run, state, signals.validation, complete)


def is_finished(recipe: Recipe, out: Path, *, folders: Folders = NO_FOLDERS) -> bool:
    """Return whether a training by this recipe has come to its end in a run folder.

    Whether its recordings have changed since is not looked at.
    """
    run = Run(out)
    if not (run.recipe.is_file() and run.model.is_file()):
        return False
    wanted = _for_folders(recipe, folders)
    history, training = run.read_history(), wanted.training
    if not history or load_recipe(str(run.recipe)) != wanted:
        return False
    patience = training.patience_epochs
    return history[-1]["epoch"] >= training.epochs or 0 < patience <= epochs_without_gain(history)


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    """Hold the run folder, of several processes by the first."""
    with run.locked() if processes.rank() == 0 else nullcontext():
        yield


def _opened(
    recipe: Recipe, run: Run, opening: Callable[[], TrainingData] | None, *, force: bool
) -> TrainingData:
    """Open the signals, make the run folder ready for them, and say what there is to say of them."""
    processes.check_shareable(recipe.training.batch_size)
    with processes.first_alone():
        # Opened before anything is started over.
        start_from(recipe)
        given = opening() if opening else None
        if processes.rank() == 0:
            run.prepare(recipe, force=force)
        signals = given or open_training_data(recipe, _own_data(recipe, run))
    for note in signals.notes:
        log.info(note)
    for warning in _warnings(signals.validation):
        log.warning("%s.", warning)
    return signals


def _warnings(validation: ValidationSet) -> list[str]:
    """Warnings of the signals, as far as they tell; what two recorded takes share is logged as well."""
    if validation.takes is None:
        return data_warnings(clean=validation.clean, mixed=validation.mixed)
    if validation.takes == "made":
        return []
    takes = taking_turns(validation.clean, validation.mixed)
    common, warnings = compare_takes(*takes, distinct=validation.distinct)
    if common:
        log.info(common)
    return warnings


def _begun(recipe: Recipe, run: Run, signals: TrainingData, device: str) -> TrainingState:
    """Return the state from which the training goes on: new, or that of the checkpoint."""
    state = new_state(recipe, start=start_from(recipe), device=device)
    state.digest = signals.source.digest
    if run.checkpoint.is_file():
        load_checkpoint(run.checkpoint, state)
        log.info("Resuming %s after step %d.", run.folder, state.step)
    processes.check_alike(recipe=recipe, signals=state.digest, steps_done=state.step)
    return state


def _hooks(run: Run, signals: TrainingData, late: Callable[[], bool], asked: Callable[[], int]) -> Hooks:
    """Return what keeps a training's results, in the first process, and what ends it, in all of them."""
    hooks = Hooks(should_stop=lambda: processes.largest(late() or asked() > 0) > 0)
    if processes.rank() > 0:
        return hooks
    return replace(
        hooks,
        improved=lambda state: save_model(run.model, state.best, model_info(state, signals)),
        checkpoint=_keep(run),
    )


@contextmanager
def _asked() -> Iterator[Callable[[], int]]:
    """Yield what tells the signal that asked to stop; one process alone unwinds wherever it is."""
    with awaited() if processes.count() > 1 else nullcontext(lambda: 0) as asked:
        yield asked


def _leave_together(number: int, complete: bool) -> None:
    """Stop all processes where a signal has asked one of them to."""
    if not complete and (number := processes.largest(number)):
        raise Stopped(128 + number)


def _check_apart(folders: Folders, out: Path) -> None:
    """Check that nothing is read from where starting over deletes, nor written among recordings."""
    for folder in folders.paths():
        if folder.resolve().is_relative_to(out.resolve()):
            raise DanError(folder, f"it lies within the run folder {out}", "Give another --out")
    if around := recordings_around(out, folders.recordings()):
        rule = f"it lies within {around}, whose recordings are read: what is cached in it would be too"
        raise DanError(out, rule, "Give another --out")


def _own_data(recipe: Recipe, run: Run) -> Folders:
    """The data folder that is made for this run."""
    if not run.data.is_dir():
        log.info("Making the data in %s.", run.data)
        create(recipe, run.data)
    return Folders(data=run.data)


@contextmanager
def _writer(run: Run, *, wanted: bool) -> Iterator[Callable[[Record], None]]:
    """Yield what writes a validation's figures for TensorBoard, or nothing where that is not wanted.

    Raises:
        DanError: if tensorboard is not installed.
    """
    if not wanted or processes.rank() > 0:
        yield lambda _: None
        return
    tensorboard = require("torch.utils.tensorboard", extra="tensorboard", what="--tensorboard")
    with tensorboard.SummaryWriter(str(run.folder / "tensorboard")) as writer:

        def write(record: Record) -> None:
            for name, value in record.items():
                if isinstance(value, float):
                    writer.add_scalar(name, value, record["step"])
            writer.flush()

        yield write


def _keep(run: Run) -> Callable[[TrainingState], None]:
    """Save the state and the history; warn of a discriminator gone wrong, once."""
    warned: set[str] = set()

    def checkpoint(state: TrainingState) -> None:
        save_checkpoint(run.checkpoint, state)
        run.write_history(state.history)
        warning = discriminator_warning(state.history)
        if warning and warning.partition("(")[0] not in warned:
            warned.add(warning.partition("(")[0])
            log.warning("%s.", warning)

    return checkpoint


def _finish(run: Run, state: TrainingState, validation: ValidationSet, complete: bool) -> TrainingResult:
    losses = state.recipe.losses
    findings, gained, doubt = list[str](), list[str](), ""
    if state.history and processes.rank() == 0:
        generator, _ = load_model(run.model)
        estimate = apply(generator, validation.mixed)
        findings, doubt = look_at(estimate, validation), doubt_of(estimate, validation)
        gained = beside_start(state, estimate, validation, complete=complete)
        plot_run(run, state, validation, estimate)
    cost_db = losses.max_snr_cost_db if losses.needs_discriminator else 0.0
    best, *others = verdict(state.history, snr_cost_db=cost_db, doubt=doubt)
    lines = [best, *gained[:1], *others, *gained[1:], *findings]
    for line in lines:
        log.info(line)
    return TrainingResult(run, state, complete, lines)
