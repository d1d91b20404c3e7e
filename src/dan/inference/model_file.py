"""Model files: the weights and all that is needed to use them, as data, in one safetensors or ONNX file.

What the file says of itself is JSON in its metadata, so that it can be read without torch and without the
weights.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict
from safetensors import SafetensorError, safe_open

from dan.config import Generator, Settings, SignalSettings
from dan.core.atomic import atomic_write, is_there
from dan.core.errors import DanError
from dan.inference.onnx_session import open_session, read_metadata

if TYPE_CHECKING:
    from dan.networks.base import GeneratorBase

FORMAT_NAME, FORMAT_NUMBER = "dan-model-", 1
FORMAT = f"{FORMAT_NAME}{FORMAT_NUMBER}"
"""Format that a file says it is of. A change that this version could not read takes another number; a new key
does not."""
SUFFIXES = (".onnx", ".safetensors")
"""Suffixes of model files; of two of one name, the first starts sooner and the second can be trained on."""
WEIGHTS = Path(__file__).parent.parent / "weights"
"""The models that come with the package."""


class ModelInfo(Settings):
    """Metadata of a model file."""

    model_config = ConfigDict(extra="ignore")

    name: str
    """Name of the model."""
    version: str
    """Version of DAN that made it."""
    recipe: str
    """The recipe that it was trained by."""
    generator: Generator
    """Its network's settings."""
    signal: SignalSettings
    """The signals that it was trained on."""
    parameters: int
    """Learnable parameters of the network."""
    latency_samples: int
    """Samples that must have come in before the first can go out."""
    receptive_field_samples: int
    """Input samples that one output sample depends on."""
    channels: int
    """Channels that the network takes at once."""
    trained_on: str
    """The data, in words."""
    seed: int
    """The seed of the training."""
    val_snr_db: float
    """Mean output SNR over the validation signals, in dB."""
    val_snr_gain_db: float
    """The same, less the input's."""
    licence: str = "MIT"
    """Licence of the weights."""
    level_rms: tuple[float, float] | None = None
    """RMS of the noisy training signals, the lowest and the highest; None if nobody measured it."""

    @property
    def sample_rate_hz(self) -> float:
        """Samples a second of the signals that it is for."""
        return self.signal.sample_rate_hz

    @property
    def memory_samples(self) -> int | None:
        """Samples that the network remembers; None if its memory has no end."""
        return None if self.generator.kind == "recurrent" else self.receptive_field_samples

    @property
    def any_level(self) -> bool:
        """Return whether the network takes any level alike: a louder input gives the same output, louder."""
        return bool(getattr(self.generator, "normalise_level", self.generator.kind != "classic"))

    def as_dict(self) -> dict[str, Any]:
        """Metadata as `dan info --json` prints it."""
        tree = self.model_dump(mode="json")
        tree["generator"] = self.generator.kind
        tree["sample_rate_hz"] = self.sample_rate_hz
        return tree | {"settings": {"generator": self.generator.model_dump(mode="json")}}


def save_model(path: Path, generator: GeneratorBase, info: ModelInfo) -> None:
    """Write a model file; one of the same name is replaced, at once and whole.

    Raises:
        DanError: if it cannot be written.
    """
    from safetensors.torch import save

    weights = {name: tensor.detach().contiguous() for name, tensor in generator.state_dict().items()}
    header = json.dumps({"format": FORMAT, "info": info.model_dump_json()})
    with atomic_write(path, force=True) as temporary:
        # One key: several come in random order.
        temporary.write_bytes(save(weights, metadata={"dan": header}))


def read_info(path: Path) -> ModelInfo:
    """Return what a model file says of itself, without torch.

    Raises:
        DanError: if it is no model file of DAN.
    """
    try:
        metadata = read_metadata(open_session(path)) if is_onnx(path) else _safetensors_metadata(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise no_model(path, str(error)) from error
    return parse_info(path, metadata)


def parse_info(path: Path, metadata: Mapping[str, str]) -> ModelInfo:
    """Return the metadata of a model file as data.

    Raises:
        DanError: if it is not that of a model file of DAN.
    """
    _check_format(path, str(metadata.get("format")))
    try:
        return _known(path, json.loads(metadata["info"]))
    except (KeyError, ValueError) as error:
        raise no_model(path, str(error)) from error


def _check_format(path: Path, stated: str) -> None:
    if stated == FORMAT:
        return
    if stated.startswith(FORMAT_NAME):
        raise DanError(
            path,
            f"it is a model file of format {stated}, and this version of DAN reads {FORMAT}",
            "Update with pip install -U dan-denoiser, or train and export it with this version",
        )
    raise no_model(path, f"its header says format={stated}, not {FORMAT}")


def _known(path: Path, tree: dict[str, Any]) -> ModelInfo:
    """Metadata of a file; keys that a later version has added are passed over, with a note.

    Raises:
        ValueError: if something is missing or wrong, or the network has a setting that is not known here.
    """
    signal = tree.get("signal", {})
    strange = [key for key in tree if key not in ModelInfo.model_fields]
    strange_signal = [key for key in signal if key not in SignalSettings.model_fields]
    if strange or strange_signal:
        names = ", ".join([*strange, *(f"signal.{key}" for key in strange_signal)])
        logging.getLogger("dan").warning(
            "%s: made by version %s of DAN; passed over what this one does not know: %s",
            path, tree.get("version"), names,
        )  # fmt: skip
        tree = tree | {"signal": {key: signal[key] for key in signal if key not in strange_signal}}
    return ModelInfo.model_validate(tree)


def is_onnx(path: Path) -> bool:
    """Return whether a model file's name says that it is an ONNX file."""
    return path.suffix.lower() == ".onnx"


def _safetensors_metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="numpy") as file:
        return dict(json.loads((file.metadata() or {})["dan"]))


def load_model(path: Path) -> tuple[GeneratorBase, ModelInfo]:
    """The generator of a model file, ready to denoise, and what the file says of itself.

    Raises:
        DanError: if it is no model file of DAN, or an ONNX file.
    """
    from safetensors.torch import load_file

    from dan.networks.factory import build_generator

    info = read_info(path)
    if is_onnx(path):
        raise DanError(
            path,
            "an ONNX file runs, but holds no generator of torch",
            "Give the model.safetensors it is from",
        )
    generator = build_generator(info.generator, info.signal)
    try:
        generator.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise no_model(path, "its weights do not fit its settings") from error
    return generator.eval(), info


def find_model(model: str | Path, *, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """The model file of a run folder, of a file's path, or of a name that comes with the package.

    Args:
        model: folder, file or name. A plain name that comes with the package is that model, even where a
            folder of the name lies here: that is ``./NAME``, or a `Path`.
        suffixes: of the files that a name may stand for, the preferred first.

    Raises:
        DanError: if there is none.
    """
    path, packaged = Path(model), _packaged(str(model), suffixes)
    if packaged and isinstance(model, str):
        return packaged
    if is_there(path, folder=True):
        if not (path / "model.safetensors").is_file():
            raise DanError(path, "it holds no model.safetensors", "Give a run folder or a model file")
        return path / "model.safetensors"
    if is_there(path):
        return path
    if packaged:
        return packaged
    known = ", ".join(model_names()) or "none"
    raise DanError(
        f"model {model}",
        "there is no such run folder, file or model",
        f"Train one with `dan train`; models that come with the package: {known}",
    )


def _packaged(name: str, suffixes: Sequence[str]) -> Path | None:
    """The file of a model that comes with the package."""
    if Path(name).name != name:
        return None
    return next((file for suffix in suffixes if is_there(file := WEIGHTS / f"{name}{suffix}")), None)


def model_names() -> list[str]:
    """Names of the models that come with the package."""
    return sorted({file.stem for suffix in SUFFIXES for file in WEIGHTS.glob(f"*{suffix}")})


def card_summary(name: str) -> str:
    """Return the first sentence of the card of a model that comes with the package, empty without one."""
    card = WEIGHTS / f"{name}.md"
    if not card.is_file():
        return ""
    return card.read_text(encoding="utf-8").split("\n\n")[1].replace("\n", " ").strip()


def no_model(path: Path, why: str) -> DanError:
    """Return the error of a file that is no model file; of the reason the first line is said."""
    return DanError(
        path,
        f"it is no model file of DAN ({why.splitlines()[0]})",
        "Give a run folder, or a model.safetensors or .onnx",
    )
