"""The run folder that a training leaves: its files, its history, its lock."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dan.config import Recipe
from dan.config.load import dump_recipe, load_recipe, recipe_differences
from dan.core.atomic import atomic_write
from dan.core.errors import DanError
from dan.data.folder.layout import is_data_folder
from dan.training.history import Record


@dataclass(frozen=True)
class Run:
    """A run folder and the paths within it."""

    folder: Path

    @property
    def recipe(self) -> Path:
        """The whole recipe as resolved."""
        return self.folder / "recipe.toml"

    @property
    def history(self) -> Path:
        """A JSON object a validation."""
        return self.folder / "history.jsonl"

    @property
    def model(self) -> Path:
        """The best generator so far."""
        return self.folder / "model.safetensors"

    @property
    def checkpoint(self) -> Path:
        """Folder of the checkpoint, which resuming needs."""
        return self.folder / "checkpoint" / "state.safetensors"

    @property
    def plots(self) -> Path:
        """The folder of the pictures."""
        return self.folder / "plots"

    @property
    def data(self) -> Path:
        """The data folder that was made for this run, where none was given."""
        return self.folder / "data"

    @property
    def cache(self) -> Path:
        """Recordings that are slow to read, decoded, and noise cut from recordings; what may be deleted."""
        return self.folder / CACHE

    def prepare(self, recipe: Recipe, *, force: bool) -> bool:
        """Make the folder ready for a recipe; whether there is a training to resume.

        Raises:
            DanError: if the folder holds something else, or the training of another recipe.
        """
        self.check(recipe, force=force)
        if self.recipe.is_file() and not force:
            return self.checkpoint.is_file()
        self._clear()
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.recipe, force=True) as temporary:
            temporary.write_text(dump_recipe(recipe), encoding="utf-8")
        return False

    def check(self, recipe: Recipe, *, force: bool) -> None:
        """Check that the folder can be a training's by a recipe, touching nothing.

        Raises:
            DanError: if the folder holds something else, or the training of another recipe.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise DanError(self.folder, "it is a file, not a folder", "Give another --out")
        self._check_ours()
        if self.recipe.is_file() and not force:
            self._check_same(recipe)

    def _check_same(self, recipe: Recipe) -> None:
        differences = recipe_differences(load_recipe(str(self.recipe)), recipe)
        if differences:
            raise DanError(
                f"{self.folder} holds a training of another recipe ({'; '.join(differences[:3])})",
                "only the same recipe resumes",
                f"To resume it, give its own recipe, {self.recipe}, without --from and other settings; "
                "else another --out, or --force to start over",
            )

    def _check_ours(self) -> None:
        """A recipe.toml alone may be a user's own: only beside a checkpoint folder is it a training's."""
        ours = self.recipe.is_file() and self.checkpoint.parent.is_dir()
        if not ours and any(file.name not in (LOCK, CACHE) for file in self.folder.glob("*")):
            raise DanError(self.folder, "it is not empty and no run folder", "Give another --out")

    def _clear(self) -> None:
        """Remove what an earlier training left; anything else is none of our business."""
        for path in (self.recipe, self.history, self.model):
            path.unlink(missing_ok=True)
        made = [self.checkpoint.parent, self.plots, self.folder / "tensorboard"]
        for folder in [*made, *([self.data] if self.data.is_dir() and is_data_folder(self.data) else [])]:
            shutil.rmtree(folder, ignore_errors=True)

    def read_history(self) -> list[Record]:
        """The records of the history, oldest first.

        Raises:
            DanError: if a line is no JSON.
        """
        if not self.history.is_file():
            return []
        try:
            return [json.loads(line) for line in self.history.read_text(encoding="utf-8").splitlines()]
        except ValueError as error:
            raise DanError(self.history, f"a line is no JSON ({error})", "Start over with --force") from error

    def write_history(self, records: list[Record]) -> None:
        """Replace the history, at once and whole."""
        lines = "".join(json.dumps(record) + "\n" for record in records)
        with atomic_write(self.history, force=True) as temporary:
            temporary.write_text(lines, encoding="utf-8")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one training; the system lets go of it when the process ends.

        A folder that was made for it and holds no file at the end is removed.

        Raises:
            DanError: if another training holds it, it holds something else, or it cannot be written to.
        """
        made = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_ours()  # no lock is left in a folder that is refused
            file = (self.folder / LOCK).open("a")
        except OSError as error:
            raise DanError(
                self.folder, f"it cannot be written to ({error.strerror})", "Give another --out"
            ) from error
        with file:
            if not _try_lock(file):
                raise DanError(
                    self.folder, "another training is using it", "Wait for it, or give another --out"
                )
            try:
                yield
            finally:
                if made and not any(file.is_file() and file.name != LOCK for file in self.folder.rglob("*")):
                    shutil.rmtree(self.folder, ignore_errors=True)


LOCK, CACHE = ".lock", "cache"


def recordings_around(folder: Path, recordings: Iterable[Path]) -> Path | None:
    """Return the outermost folder of recordings that a run folder lies in, whose cache would be read too."""
    around = [one for one in recordings if folder.resolve().is_relative_to(one.resolve())]
    return min(around, key=lambda one: len(one.resolve().parts), default=None)


def _try_lock(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows, whose open files are not deleted or replaced anyway
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
