"""Peers that are compared, and how each is called: DAN's models, and what people use today.

Nothing is imported before a peer that needs it is opened, so that a process that opens one pays for that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dan.benchmark.results import NOISY
from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.core.extras import require

if TYPE_CHECKING:
    from dan.inference.engines import Step

RNNOISE_RATE_HZ, RNNOISE_HOP_SAMPLES = 48000, 480
RNNOISE_LATE_SAMPLES = 960
"""Lag of its output in samples: its window's overlap and the frame that it looks ahead."""
RNNOISE_LEAST_RATE_HZ = 8000
"""It knows speech; at lower rates there is none."""
RNNOISE_PEAK = 0.5
"""Louder signals are brought down to it: what overshoots the 16 bits that it gives back would wrap."""


@dataclass(frozen=True)
class Peer:
    """One that is compared."""

    name: str
    """Name of its row."""
    kind: str
    """Kind of its interface, a key of `OPENERS`."""
    file: str = ""
    """The model's, where it has one."""


@dataclass(frozen=True)
class LoadedPeer:
    """A peer that is loaded, at one sample rate."""

    whole: Callable[[Signal], Signal]
    """A whole signal ``[T]`` to one as long."""
    stream: Callable[[], Callable[[Signal], Signal]] | None = None
    """Opens a stream: blocks ``[n]`` to what has become final. None where it takes whole signals only."""
    hop_length: int = 0
    """Samples of the blocks at which the stream works."""
    latency_samples: int = 0
    """Samples that must have come in before the first can go out."""


def open_peer(peer: Peer, *, sample_rate_hz: float) -> LoadedPeer:
    """Load a peer.

    Raises:
        DanError: if there is no such peer, it is not installed, or it does not take the rate.
    """
    if peer.kind not in OPENERS:
        raise DanError(f"kind={peer.kind}", f"it is one of {', '.join(OPENERS)}", "Give one of these")
    return OPENERS[peer.kind](peer.file, sample_rate_hz)


def usual_peers() -> list[Peer]:
    """Peers that need no file."""
    return [Peer(name, name) for name in ("noisereduce", "spectral_gate", "rnnoise", "wiener", "wavelet")]


def named_peer(option: str) -> Peer:
    """A denoiser given as ``NAME=FILE``: ONNX of whole signals, or TOML that describes a streaming one.

    Raises:
        DanError: if it has not that form, or there is no such file.
    """
    name, equals, file = option.partition("=")
    if not equals and option.endswith(".toml"):
        name, file = Path(option).stem, option
    if not (name and file):
        way_out = "As in --peer gtcrn=gtcrn.onnx, or --peer gtcrn.toml"
        raise DanError(f"--peer {option}", "it has the form NAME=FILE, or is FILE.toml", way_out)
    if not Path(file).is_file():
        raise DanError(f"--peer {option}", f"there is no file {file}", "Give an ONNX file, or TOML")
    return Peer(name, "described" if file.endswith(".toml") else "onnx", file)


def size_bytes(peer: Peer) -> int | None:
    """Size on disk of the model's file, or of the package without those that it needs; None for a formula."""
    if peer.file:
        from dan.benchmark.described import read_description
        from dan.inference.model_file import find_model

        path = find_model(peer.file) if peer.kind == "dan" else Path(peer.file)
        if peer.kind == "described":
            path = path.parent / read_description(path).file
        return path.stat().st_size
    package = {"noisereduce": "noisereduce", "spectral_gate": "noisereduce", "rnnoise": "pyrnnoise"}
    return _package_bytes(package[peer.kind]) if peer.kind in package else None


def _package_bytes(name: str) -> int | None:
    from importlib import metadata

    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return None
    located = (Path(str(file.locate())) for file in files if not str(file).endswith(".pyc"))
    return sum(path.stat().st_size for path in located if path.is_file())


def _open_nothing(file: str, rate_hz: float) -> LoadedPeer:  # noqa: ARG001
    """The signal as it is: what Python and numpy alone cost."""
    return LoadedPeer(lambda signal: signal)


def _open_dan(file: str, rate_hz: float) -> LoadedPeer:
    from dan.config import ShortTimeSettings
    from dan.inference.denoiser import load

    denoiser = load(file)
    denoiser.check_rate(rate_hz, way_out="Give models of one rate: the first sets it")
    generator, info = denoiser.info.generator, denoiser.info
    if isinstance(generator, ShortTimeSettings):
        hop = generator.hop_length
    else:
        hop = max(1, info.signal.length_samples // 2)
    return LoadedPeer(
        lambda signal: denoiser(signal, sample_rate=rate_hz),
        stream=lambda: denoiser.stream().feed,
        hop_length=hop,
        latency_samples=info.latency_samples,
    )


def _open_noisereduce(file: str, rate_hz: float) -> LoadedPeer:  # noqa: ARG001
    """Load noisereduce with its own defaults."""
    reduce_noise = _attribute("noisereduce", "reduce_noise")
    return LoadedPeer(lambda signal: np.asarray(reduce_noise(y=signal, sr=rate_hz)))


def _open_spectral_gate(file: str, rate_hz: float) -> LoadedPeer:  # noqa: ARG001
    from dan.dsp.spectral_gate import spectral_gate

    return LoadedPeer(lambda signal: spectral_gate(signal, sample_rate_hz=rate_hz))


def _open_wiener(file: str, rate_hz: float) -> LoadedPeer:  # noqa: ARG001
    from dan.dsp.wiener import wiener

    return LoadedPeer(lambda signal: wiener(signal, sample_rate_hz=rate_hz))


def _open_wavelet(file: str, rate_hz: float) -> LoadedPeer:  # noqa: ARG001
    from dan.dsp.wavelet import wavelet

    return LoadedPeer(wavelet)


def _open_rnnoise(file: str, rate_hz: float) -> LoadedPeer:  # noqa: ARG001
    """Load RNNoise: at 48 kHz, resampled there and back, its lag taken out."""
    if rate_hz < RNNOISE_LEAST_RATE_HZ:
        raise DanError(
            f"rnnoise at {rate_hz:g} Hz",
            f"it is for speech, from {RNNOISE_LEAST_RATE_HZ} Hz up",
            "Leave it out",
        )
    library = _attribute("pyrnnoise", "rnnoise")
    latency = RNNOISE_HOP_SAMPLES + RNNOISE_LATE_SAMPLES
    opened = _stepped(
        lambda: _Rnnoise(library), RNNOISE_RATE_HZ, rate_hz, hop_length=RNNOISE_HOP_SAMPLES, latency=latency
    )

    def whole(signal: Signal) -> Signal:
        scale = max(1.0, float(np.abs(signal).max()) / RNNOISE_PEAK)
        return np.asarray(opened.whole(signal / scale) * np.float32(scale))

    return replace(opened, whole=whole)


def _open_described(file: str, rate_hz: float) -> LoadedPeer:
    from dan.benchmark.described import GraphStep, open_graph, read_description

    description = read_description(Path(file))
    session = open_graph(description, Path(file).parent)
    return _stepped(
        lambda: GraphStep(description, session),
        description.sample_rate_hz,
        rate_hz,
        hop_length=description.hop_length,
        latency=description.latency_samples,
    )


def _stepped(
    step: Callable[[], Step], inner_hz: float, rate_hz: float, *, hop_length: int, latency: int
) -> LoadedPeer:
    """A network that takes hops at a rate of its own, resampled there and back."""
    from dan.inference.engines import Engine, HopEngine
    from dan.inference.resampling import ResamplingEngine

    def engine() -> Engine:
        inner = HopEngine(step(), hop_length=hop_length, latency_samples=latency, channels=1)
        if rate_hz == inner_hz:
            return inner
        return ResamplingEngine(inner, outer_hz=rate_hz, inner_hz=inner_hz, channels=1)

    def whole(signal: Signal) -> Signal:
        opened = engine()
        given = signal[None].astype(np.float32)
        return np.asarray(np.concatenate([opened.feed(given), opened.flush()], axis=-1)[0])

    def stream() -> Callable[[Signal], Signal]:
        opened = engine()
        return lambda block: np.asarray(opened.feed(block[None].astype(np.float32))[0])

    share = rate_hz / inner_hz
    hop = max(1, round(hop_length * share))
    return LoadedPeer(whole, stream=stream, hop_length=hop, latency_samples=round(latency * share))


class _Rnnoise:
    """RNNoise as the step of a `HopEngine`, on samples in -1 to 1."""

    def __init__(self, library: Any) -> None:
        self.library, self.state = library, library.create()

    def __call__(self, block: Signal) -> Any:
        coded = np.clip(np.rint(32768 * block[0]), -32768, 32767).astype(np.int16)
        frames = coded.reshape(-1, RNNOISE_HOP_SAMPLES)
        denoised = [self.library.process_mono_frame(self.state, frame)[0] for frame in frames]
        return np.concatenate(denoised)[None].astype(np.float32) / np.float32(32768)

    def __del__(self) -> None:
        self.library.destroy(self.state)


def _open_onnx(file: str, rate_hz: float) -> LoadedPeer:  # noqa: ARG001
    """Any graph of one input and one output of the whole signal, ``[T]``, ``[1, T]`` and so on."""
    from dan.inference.onnx_session import open_session

    try:
        session = open_session(Path(file))
    except ValueError as error:
        why = str(error).splitlines()[0]
        raise DanError(file, f"onnxruntime cannot run it ({why})", "Give an ONNX denoiser") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        found = f"{len(inputs)} inputs and {len(outputs)} outputs"
        way_out = "Describe its state in a TOML file, or export it without one"
        raise DanError(file, f"a peer has one of each, not {found}", way_out)
    name, leading = inputs[0].name, (1,) * (len(inputs[0].shape) - 1)

    def whole(signal: Signal) -> Signal:
        given = signal.astype(np.float32).reshape(*leading, -1)
        return np.asarray(session.run(None, {name: given})[0]).reshape(-1)

    return LoadedPeer(whole)


def _attribute(module: str, name: str) -> Any:
    return getattr(require(module, extra="bench"), name)


OPENERS: dict[str, Callable[[str, float], LoadedPeer]] = {
    NOISY: _open_nothing,
    "dan": _open_dan,
    "noisereduce": _open_noisereduce,
    "spectral_gate": _open_spectral_gate,
    "rnnoise": _open_rnnoise,
    "wiener": _open_wiener,
    "wavelet": _open_wavelet,
    "onnx": _open_onnx,
    "described": _open_described,
}
"""Opener of each kind, of the model's file and the rate in Hz."""
