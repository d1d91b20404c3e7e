"""A trained model applied to signals of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dan.core.arrays import Signal, check_sample_rate, check_signal
from dan.core.cores import usable_cores
from dan.core.errors import DanError, ParameterError
from dan.core.extras import install
from dan.core.warn import warn
from dan.inference.conditioning import Conditioner, PerChannel, dropouts_note
from dan.inference.engines import Engine
from dan.inference.model_file import SUFFIXES, ModelInfo, find_model, is_onnx
from dan.inference.resampling import ResamplingEngine
from dan.inference.stream import Stream

ROWS_AT_ONCE = 256
"""Rows that are denoised together at most: bounds the memory."""
SPAN_FIELDS = 16
"""Receptive fields after which the offset is looked at again: slower than anything that a network sees."""
SPAN_VALUES = 2**22
"""Samples, of all channels, that a span has at most: bounds the memory. Rows of an array are taken so few at
once that their spans are whole; the channels of a stream come together, and theirs are shorter where they are
many."""
USUAL_HZ = (
    *(100, 125, 128, 200, 250, 256, 300, 360, 400, 500, 512, 1000, 1024, 2000, 2048),
    *(4000, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000),
)
RATE_DOUBT = 0.001
"""Part by which a rate that was told from times, or by a clock that is a bit off, misses the one meant."""
FEW_SAMPLES, MANY_ROWS = 64, 256
"""More rows than these, of so few samples, are the samples of so many channels: time is not last."""
LEVEL_TOLERANCE = 1.1
"""Factor beyond the levels of its training to which a network that knows one level is trusted."""

WARNING = "Warning: "
"""Begins a sentence on output that may be wrong."""


class Model(Protocol):
    """Runner of a model file, by torch or onnxruntime."""

    info: ModelInfo

    def engine(self, channels: int) -> Engine:
        """A new engine for so many channels."""
        ...


class Denoiser:
    """A trained denoiser: array in, array of the same shape and dtype out.

    Networks over single frames take signals up to the length that they were trained on at once; longer ones
    are cut into frames of that length, each half over its neighbour, and the outputs are joined by a weighted
    mean. Causal networks take any length as it comes. Whole, in portions or streamed, the samples are the
    same, but for what the beginning tells: offset and scale of a whole signal are told from its first span,
    those of a stream from as many samples as its latency. An offset that is put back may then differ by what
    the mean of these samples is off, and a scale by what a power of two costs in float32, which is nothing.

    Networks that take any level alike give ``a * D(x) + b`` for ``a * x + b``, of any scale from 1e-21 to
    1e12 and offsets up to 10,000 times the RMS.

    Args:
        model: what runs the network, and what its file says of it.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.info = model, model.info
        self.history: Sequence[Mapping[str, Any]] = ()
        """The records of its training's validations, where it comes from `dan.train`."""

    def __repr__(self) -> str:
        """Name, rate, kind, parameters and latency."""
        latency = f"{self.latency_samples} samples ({1000 * self.latency_samples / self.sample_rate_hz:g} ms)"
        return (
            f"<Denoiser {self.info.name}: {self.sample_rate_hz:g} Hz, {self.info.generator.kind}, "
            f"{self.info.parameters} parameters, latency {latency}>"
        )

    @property
    def sample_rate_hz(self) -> float:
        """Rate of the signals that it is for, in Hz."""
        return self.info.sample_rate_hz

    @property
    def latency_samples(self) -> int:
        """Samples that a stream at its own rate must have taken before the first can go out."""
        return self.info.latency_samples

    def __call__(
        self, noisy: npt.ArrayLike, *, sample_rate: float, strength: float = 1.0, resample: bool = False
    ) -> Signal:
        """Denoise a signal.

        Args:
            noisy: ``[*, T]``, any leading axes; each row by itself.
            sample_rate: its rate in Hz, which must be the model's unless `resample` is set.
            strength: 0 returns the input, 1 the denoised signal, between them their mix.
            resample: take another rate too: to the model's and back.

        Returns:
            The denoised signal, of the same shape and dtype (booleans as float64), at the level and offset it
            had in the input.

        Raises:
            DanError: if the signal is wrong, or its rate is not the model's.

        Warns:
            UserWarning: if the model knows one level and the signal is at another, or zeros are dropouts.
        """
        if sample_rate is None:  # as `dan.read` gives it of a file that does not say its own
            way_out = f"Give sample_rate=, in Hz; the model is for {self.sample_rate_hz:g} Hz"
            raise ParameterError("sample_rate=None", "nothing says the signal's rate", way_out)
        if np.ma.is_masked(noisy):
            raise DanError("noisy", "some of it is masked", "Fill it first: noisy.filled(...)")
        signal = np.asarray(noisy)
        check_signal(signal, name="noisy")
        _check_time_is_last(signal)
        rows = signal.reshape(-1, signal.shape[-1])
        at_once = self._rows_at_once(check_sample_rate(sample_rate, name="sample_rate"), signal.shape[-1])
        outputs, levels, dropout_samples = [], [], 0
        for portion in np.array_split(rows, -(-len(rows) // at_once)):
            stream = self.stream(
                channels=len(portion),
                strength=strength,
                sample_rate=sample_rate,
                resample=resample,
                length_samples=signal.shape[-1],
            )
            outputs.append(self._whole(stream, portion))
            levels.append(stream.conditioner.rms())
            dropout_samples += stream.conditioner.dropout_samples()
        for note in self._notes(np.concatenate(levels), dropout_samples):
            warn(note.removeprefix(WARNING))
        whole = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        return whole.reshape(signal.shape)

    @staticmethod
    def _whole(stream: Stream, rows: Signal) -> Signal:
        return np.concatenate([stream.feed(rows), stream.flush()], axis=-1)

    def stream(
        self,
        *,
        channels: int = 1,
        strength: float = 1.0,
        sample_rate: float | None = None,
        resample: bool = False,
        length_samples: int | None = None,
    ) -> Stream:
        """Open a stream: blocks of any length in, the same samples out as from the whole signal.

        Args:
            channels: of every block ``[C, n]``; each is denoised by itself.
            strength: 0 returns the input, 1 the denoised signal, between them their mix.
            sample_rate: of the blocks, in Hz; None for the model's.
            resample: take another rate too: to the model's and back. What lies above half of the model's rate
                is kept at the gain of the octave below.
            length_samples: of a signal that is there as a whole: offset and scale are then told from a longer
                beginning, up to some receptive fields, and nothing comes out before that is in.

        Raises:
            DanError: if a setting is out of its range, or the rate is another and not to be resampled.
        """
        if channels < 1:
            raise DanError(f"channels={channels}", "a stream has at least one", "Give the blocks' channels")
        engine: Engine = self.model.engine(channels)
        rate_hz = self.info.sample_rate_hz if sample_rate is None else sample_rate
        if resample and check_sample_rate(rate_hz, name="sample_rate") != self.info.sample_rate_hz:
            engine = ResamplingEngine(
                engine, outer_hz=rate_hz, inner_hz=self.info.sample_rate_hz, channels=channels
            )
        else:
            self.check_rate(rate_hz)
        conditioner = self._conditioner(engine, rate_hz, channels, length_samples)
        return Stream(engine, channels=channels, strength=strength, conditioner=conditioner)

    def _conditioner(
        self, engine: Engine, rate_hz: float, channels: int, length_samples: int | None
    ) -> Conditioner:
        span = max(engine.latency_samples, min(self._span_samples(rate_hz), SPAN_VALUES // channels))
        first = engine.latency_samples if length_samples is None else min(span, length_samples)
        return Conditioner(
            channels=channels,
            first_samples=first,
            span_samples=span,
            scaled=self.info.any_level,
            sure=length_samples is not None,
        )

    def _span_samples(self, rate_hz: float) -> int:
        """Samples at a rate after which the offset is looked at again, if nothing else bounds them."""
        field = self.info.receptive_field_samples * rate_hz / self.info.sample_rate_hz
        return min(round(SPAN_FIELDS * field), SPAN_VALUES)

    def _rows_at_once(self, rate_hz: float, length_samples: int) -> int:
        """Number of rows that are denoised together, so few that each has the span that it has alone."""
        span = max(1, min(self._span_samples(rate_hz), length_samples))
        return min(ROWS_AT_ONCE, SPAN_VALUES // span)

    def notes(self, stream: Stream) -> list[str]:
        """Sentences on what a stream was fed: on its dropouts, and a warning where its level is not known."""
        return self._notes(stream.conditioner.rms(), stream.conditioner.dropout_samples())

    def _notes(self, levels: PerChannel, dropout_samples: int) -> list[str]:
        level = self._level_note(levels)
        return [*dropouts_note(dropout_samples), *([WARNING + level] if level else [])]

    def _level_note(self, levels: PerChannel) -> str | None:
        """Note on the RMS of each channel, where the network knows one level."""
        if self.info.any_level or self.info.level_rms is None:
            return None
        low, high = self.info.level_rms
        levels = levels[levels > 0]
        off = (levels < low / LEVEL_TOLERANCE) | (levels > high * LEVEL_TOLERANCE)
        if not off.any():
            return None
        return (
            f"an RMS of {levels[off][0]:.3g}, offset taken out, where {self.info.name} was trained on "
            f"{low:.3g} to {high:.3g}: it knows no other level. Scale the signal to that, or take a model "
            f"that takes any level, such as tones-wide"
        )

    def denoise_file(
        self,
        source: str | Path,
        target: str | Path,
        *,
        strength: float = 1.0,
        sample_rate: float | None = None,
        resample: bool = False,
        force: bool = False,
    ) -> Path:
        """Denoise a recording of any length into a file of the same rate, channels and sample type.

        Args:
            source: the recording.
            target: the file to write; its suffix says its format.
            strength: 0 copies the input, 1 is all of the effect.
            sample_rate: in Hz, of a file that does not say its own.
            resample: take another rate too: to the model's and back.
            force: overwrite a file of that name.

        Returns:
            The path of the file written.

        Raises:
            DanError: if a file cannot be read or written, its rate is not the model's, or the target exists.

        Warns:
            UserWarning: on each thing that `dan denoise` says of a file, as samples that were clipped.
        """
        from dan.inference.pipeline import crew_of
        from dan.inference.recording import denoise_recording

        cores = usable_cores()
        with crew_of(cores) if cores > 1 else nullcontext() as crew:
            written, notes = denoise_recording(
                self,
                Path(source),
                Path(target),
                options={"sample_rate_hz": sample_rate, "missing": "fill"},
                strength=strength,
                resample=resample,
                force=force,
                crew=crew,
            )
        clipped = written.clipped_samples
        for note in [*notes, *([f"{clipped} samples clipped: lower the input"] if clipped else [])]:
            warn(f"{source}: {note.removeprefix(WARNING)}")
        return Path(target)

    def check_rate(self, sample_rate: float, *, way_out: str = "") -> None:
        """Check that a signal's rate in Hz is the model's.

        Args:
            sample_rate: in Hz.
            way_out: for who cannot resample.

        Raises:
            DanError: if it is not.
        """
        wanted = self.info.sample_rate_hz
        if check_sample_rate(sample_rate, name="sample_rate") != wanted:
            raise DanError(
                f"sample_rate={sample_rate:g}",
                f"the model {self.info.name} is for {wanted:g} Hz",
                way_out or _rate_way_out(sample_rate, wanted),
            )


def _check_time_is_last(signal: npt.NDArray[Any]) -> None:
    """Refuse samples by channels, as other libraries read audio files: each row would be a signal.

    Raises:
        DanError: if these are such.
    """
    if signal.ndim > 1 and signal.shape[-1] <= FEW_SAMPLES and signal.shape[-2] > MANY_ROWS:
        rows, samples = signal.shape[-2:]
        raise DanError(
            f"noisy of shape {list(signal.shape)}",
            f"{rows} rows of length {samples}: time must be the last axis",
            "Transpose it: noisy.T" if signal.ndim == 2 else "Swap the last two: noisy.swapaxes(-1, -2)",
        )


def _rate_way_out(sample_rate: float, wanted_hz: float) -> str:
    """Way out for a signal at another rate, by the usual rate that is next to it."""
    meant_hz = min((wanted_hz, *USUAL_HZ), key=lambda usual_hz: abs(usual_hz - sample_rate))
    if sample_rate == meant_hz or abs(sample_rate - meant_hz) > RATE_DOUBT * meant_hz:
        meant_hz, guess = sample_rate, ""
    else:
        guess = f"{meant_hz:g} Hz may be meant: then say --sample-rate {meant_hz:g}. "
    if meant_hz == wanted_hz:
        return f"{guess}Else use --resample (resample=True), which goes to {wanted_hz:g} Hz and back"
    return (
        f"{guess}Use --resample (resample=True), which goes to {wanted_hz:g} Hz and back, or train a model "
        f"by dan train --set signal.sample_rate_hz={meant_hz:g}"
    )


def load(model: str | Path, *, device: str = "cpu") -> Denoiser:
    """Load the denoiser of a run folder, of a model file, or of a name that comes with the package.

    Args:
        model: folder, file or name.
        device: where the network computes: `cpu`, or what torch has besides, as `cuda`, for which a model
            file of torch is taken.

    Raises:
        DanError: if there is no such model or device, or torch, which runs it, is not installed.

    Examples:
        >>> denoiser = dan.load("tones-wide")
        >>> y, sr = dan.read("noisy.wav")
        >>> denoiser(y, sample_rate=sr).shape
        (2048,)
    """
    path = find_model(model, suffixes=SUFFIXES if device == "cpu" else (".safetensors",))
    if is_onnx(path):
        if device != "cpu":
            raise DanError(
                f"device={device}", f"{path} is an ONNX file, which runs on the CPU", "Give its .safetensors"
            )
        from dan.inference.onnx_backend import open_onnx

        return Denoiser(open_onnx(path))
    try:
        import torch  # noqa: F401  (the reason of a failure)

        from dan.inference.torch_backend import open_torch
    except ImportError as error:
        raise DanError(
            path, "it takes torch to run", f"Run {install('train')}, or take its .onnx export"
        ) from error
    return Denoiser(open_torch(path, device=device))
