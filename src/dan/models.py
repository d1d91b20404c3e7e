"""Model files: the weights and all that is needed to use them, as data, in one safetensors file.

What the file says of itself is JSON in its header, so that it can be read without torch and without the
weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from dan.files import atomic_write, is_there
from dan.settings import Generator, Settings, SignalSettings
from dan.signals import DanError

if TYPE_CHECKING:
    from dan.networks import GeneratorBase

FORMAT = "dan-model-1"


class ModelInfo(Settings):
    """What a model file says of itself."""

    name: str
    """Of the model."""
    version: str
    """Of DAN, which made it."""
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
    """Of the weights."""

    @property
    def sample_rate_hz(self) -> float:
        """Samples a second of the signals that it is for."""
        return self.signal.sample_rate_hz

    def as_dict(self) -> dict[str, Any]:
        """What `dan info --json` prints."""
        tree = self.model_dump(mode="json")
        tree["generator"] = self.generator.kind
        tree["sample_rate_hz"] = self.sample_rate_hz
        return tree | {"settings": {"generator": self.generator.model_dump(mode="json")}}


def save_model(path: Path, generator: GeneratorBase, info: ModelInfo) -> None:
    """Write a model file; one of the same name is replaced, at once and whole.

    Raises:
        DanError: if it cannot be written.
    """
    from safetensors.torch import save_file

    weights = {name: tensor.detach().contiguous() for name, tensor in generator.state_dict().items()}
    with atomic_write(path, force=True) as temporary:
        try:
            save_file(weights, temporary, metadata={"format": FORMAT, "info": info.model_dump_json()})
        except SafetensorError as error:  # its own error for a full disk
            raise OSError(str(error)) from error


def read_info(path: Path) -> ModelInfo:
    """What a model file says of itself, without torch and without reading the weights.

    Raises:
        DanError: if it is no model file of DAN.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise _no_model(path, f"its header says format={metadata.get('format')}, not {FORMAT}")
        return ModelInfo.model_validate_json(metadata["info"])
    except (SafetensorError, OSError, KeyError, ValidationError, json.JSONDecodeError) as error:
        raise _no_model(path, str(error).splitlines()[0]) from error


def load_model(path: Path) -> tuple[GeneratorBase, ModelInfo]:
    """The generator of a model file, ready to denoise, and what the file says of itself.

    Raises:
        DanError: if it is no model file of DAN.
    """
    from safetensors.torch import load_file

    from dan.generators import build_generator

    info = read_info(path)
    generator = build_generator(info.generator, info.signal)
    try:
        generator.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise _no_model(path, "its weights do not fit its settings") from error
    return generator.eval(), info


def find_model(model: str | Path) -> Path:
    """The model file of a run folder, of a file's path, or of a name that comes with the package.

    Raises:
        DanError: if there is none.
    """
    path = Path(model)
    if is_there(path, folder=True):
        if not (path / "model.safetensors").is_file():
            raise DanError(path, "it holds no model.safetensors", "Give a run folder or a model file")
        return path / "model.safetensors"
    if is_there(path):
        return path
    packaged = Path(__file__).parent / "weights" / f"{model}.safetensors"
    if is_there(packaged):
        return packaged
    known = ", ".join(model_names()) or "none"
    raise DanError(
        f"model {model}",
        "there is no such run folder, file or model",
        f"Train one with `dan train`; models that come with the package: {known}",
    )


def model_names() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(file.stem for file in (Path(__file__).parent / "weights").glob("*.safetensors"))


def _no_model(path: Path, why: str) -> DanError:
    return DanError(path, f"it is no model file of DAN ({why})", "Give a run folder or a model.safetensors")
