"""Damaged files of every format, denoised: refused in words, or as the array API would have them.

Usage:
    python -m benchmarks.fuzz [--count 10000] [--seed 0] [--log fuzz.jsonl] [--model tones-wide]

A valid file of each format is made, some of its bytes are changed, cut out, doubled or cut off, and it is
denoised to its own format and to .npy. A fault is any error but `DanError`, more than 10 seconds, a file left
under a temporary name or under the final one after an error, and an output whose samples are not those that
the denoiser makes of the samples that were read. The log has a line for each fault, with the bytes.
"""

from __future__ import annotations

import argparse
import base64
import collections
import faulthandler
import json
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from dan.core.errors import DanError
from dan.inference.denoiser import Denoiser, load
from dan.io.recordings import open_reader
from dan.workflows.denoise import denoise_files

RATE_HZ, LENGTH = 256, 900
LONGEST_S = 10.0
HANGING_S = 120.0
"""After this the process ends itself and says where it was."""


def signal() -> np.ndarray:
    """Two channels of sines and noise: ``[2, LENGTH]``."""
    time_s = np.arange(LENGTH) / RATE_HZ
    waves = 0.3 * np.sin(2 * np.pi * np.array([[20.0], [33.0]]) * time_s)
    return waves + 0.05 * np.random.default_rng(0).standard_normal(waves.shape)


def make_audio(
    path: Path, subtype: str | None = None, kind: str | None = None, rate_hz: int = RATE_HZ
) -> None:
    """Write an audio file with a title."""
    with soundfile.SoundFile(path, "w", rate_hz, 2, subtype, format=kind) as file:
        if path.suffix in (".wav", ".flac", ".mp3", ".ogg", ".aiff"):
            file.title = "pond"
        file.write(signal().T)


def make_table(path: Path, delimiter: str) -> None:
    """Write a table of times, two signals and a marker."""
    rows = np.column_stack([np.arange(LENGTH) / RATE_HZ, signal().T, np.arange(LENGTH) % 300 == 0])
    head = delimiter.join(["time (s)", "left", "right", "marker"])
    np.savetxt(path, rows, "%.6g", delimiter, header=head, comments="")


def make_edf(path: Path) -> None:
    """Write an EDF or BDF file of 256 samples a record, with a marker."""
    import edfio

    wide = path.suffix == ".bdf"
    kind, whole = (edfio.BdfSignal, edfio.Bdf) if wide else (edfio.EdfSignal, edfio.Edf)
    rows = [*signal()[:, :768], np.arange(768) % 100 == 0]
    labels = ("EEG L", "EEG R", "Marker")
    signals = [
        kind(row.astype(float), RATE_HZ, label=label, physical_range=(-1, 1))
        for row, label in zip(rows, labels, strict=True)
    ]
    whole(signals).write(path)


def make_wfdb(path: Path, fmt: str) -> None:
    """Write a WFDB record."""
    import wfdb

    wfdb.wrsamp(
        path.stem, RATE_HZ, ["mV"] * 2, ["I", "II"], signal().T, fmt=[fmt] * 2, adc_gain=[1000.0] * 2,
        baseline=[0, 0], write_dir=str(path.parent),
    )  # fmt: skip


def make_media(path: Path) -> None:
    """Write an .m4a."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(signal().astype(np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 8000, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


MAKERS: dict[str, Callable[[Path], None]] = {
    "pcm16.wav": lambda path: make_audio(path, "PCM_16"),
    "float.wav": lambda path: make_audio(path, "FLOAT"),
    "wavex.wav": lambda path: make_audio(path, "PCM_24", "WAVEX"),
    "rf64.wav": lambda path: make_audio(path, "PCM_16", "RF64"),
    "a.flac": make_audio,
    "a.aiff": make_audio,
    "a.au": make_audio,
    "a.caf": make_audio,
    "a.w64": make_audio,
    "a.sph": lambda path: make_audio(path, "PCM_16", "NIST"),
    "a.ogg": lambda path: make_audio(path, rate_hz=8000),
    "a.opus": lambda path: make_audio(path, "OPUS", "OGG", 8000),
    "a.mp3": lambda path: make_audio(path, rate_hz=8000),
    "a.m4a": make_media,
    "f4.npy": lambda path: np.save(path, signal().astype(np.float32)),
    "i2.npy": lambda path: np.save(path, np.rint(1000 * signal()).astype(np.int16)),
    "a.csv": lambda path: make_table(path, ","),
    "a.tsv": lambda path: make_table(path, "\t"),
    "a.edf": make_edf,
    "a.bdf": make_edf,
    "f16.hea": lambda path: make_wfdb(path, "16"),
    "f212.hea": lambda path: make_wfdb(path, "212"),
}


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Change, cut out, double or cut off some bytes, of the beginning more often than of the rest."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        if not changed:
            break
        reach = min(len(changed), chance.choice([64, 512, len(changed)]))
        place, count = chance.randrange(reach), chance.choice([1, 1, 2, 4, 16, 300])
        kind = chance.randrange(6)
        if kind == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[place : place + count] = chance.choice([b"\0", b"\xff", b"\x7f", b"\x80", b" "]) * count
        elif kind == 2:
            changed[place : place + count] = chance.randbytes(count)
        elif kind == 3:
            del changed[place : place + count]
        elif kind == 4:
            changed[place:place] = changed[place : place + count]
        else:
            del changed[max(place, len(changed) - count) if chance.random() < 0.5 else place :]
    return bytes(changed)


def faults_of(path: Path, denoiser: Denoiser) -> Iterator[str]:
    """Yield what is wrong with how a file is denoised, to its own format and to .npy."""
    options = {"sample_rate_hz": float(RATE_HZ), "resample": True}
    out = path.parent / "out"
    for suffix in (path.suffix, ".npy"):
        target = out / f"b{'.wav' if suffix == '.m4a' else suffix}"
        try:
            report = denoise_files(denoiser, [path], out=target, force=True, **options)
        except DanError:
            continue
        left = {file.name for file in out.iterdir()} if out.is_dir() else set()
        if any(name.startswith(".") for name in left):
            yield f"left behind: {sorted(left)}"
        if report.failures:
            if target.name in left:
                yield f"failed, and yet {target.name} is there"
            continue
        yield from differences(path, target, denoiser, exact=suffix == ".npy")
        for file in out.iterdir():
            file.unlink()


def differences(path: Path, target: Path, denoiser: Denoiser, *, exact: bool) -> Iterator[str]:
    """Yield how an output is not what the denoiser makes of the samples that are read."""
    with open_reader(path, sample_rate_hz=RATE_HZ, missing="fill") as reader:
        noisy = np.concatenate(list(reader.blocks(2**16)), axis=1)
        rate_hz, gaps = reader.sample_rate_hz or RATE_HZ, reader.gaps
        expected = gaps.put_back(denoiser(noisy, sample_rate=rate_hz, resample=True), 0)
    found = np.atleast_2d(np.load(target)) if exact else _read(target, rate_hz)
    if found.shape[0] != expected.shape[0] or (exact and found.shape != expected.shape):
        yield f"of shape {found.shape}, not {expected.shape}"
    elif exact:
        level = np.nanmax(np.abs(np.append(expected, 0))) + 1e-30
        worst = np.nanmax(np.abs(np.append(found - expected, 0)))
        whole = np.load(target, mmap_mode="r").dtype.kind != "f"
        if worst > 1e-4 * level + 0.5 * whole:
            yield f"differs by {worst:.3g} at a level of {level:.3g}"


def _read(path: Path, rate_hz: float) -> np.ndarray:
    with open_reader(path, sample_rate_hz=rate_hz, missing="fill") as reader:
        return np.concatenate(list(reader.blocks(2**16)), axis=1)


def fuzz(
    count: int, *, seed: int = 0, model: str = "tones-wide", names: list[str] | None = None
) -> Iterator[dict]:
    """Yield the outcome of each of so many damaged files: its format, seconds and faults."""
    denoiser = load(model)
    with tempfile.TemporaryDirectory() as folder:
        contents = {}
        for name in names or MAKERS:
            place = Path(folder, f"valid-{name}".replace(".", "-"))
            place.mkdir()
            MAKERS[name](place / name)
            contents[name] = {file.name: file.read_bytes() for file in place.iterdir()}
        for number in range(count):
            chance = random.Random(f"{seed} {number}")
            name = chance.choice(list(contents))
            work = Path(folder, "work")
            work.mkdir()
            damaged = chance.choice(sorted(contents[name]))
            for file, content in contents[name].items():
                (work / file).write_bytes(mutated(content, chance) if file == damaged else content)
            yield {
                "number": number,
                "name": name,
                **_outcome(work / name, denoiser),
                "damaged": work / damaged,
            }
            _clear(work)


def _outcome(path: Path, denoiser: Denoiser) -> dict:
    start = time.monotonic()
    faulthandler.dump_traceback_later(HANGING_S, exit=True, file=sys.__stdout__)
    try:
        faults = list(faults_of(path, denoiser))
    except Exception:
        faults = [traceback.format_exc()]
    faulthandler.cancel_dump_traceback_later()
    seconds = time.monotonic() - start
    if seconds > LONGEST_S:
        faults.append(f"took {seconds:.1f} s")
    return {"seconds": round(seconds, 3), "faults": faults}


def _clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def main() -> int:
    """Run, log the faults, print a line for each format; return 1 if there was any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path("fuzz.jsonl"))
    parser.add_argument("--model", default="tones-wide")
    parser.add_argument("--names", nargs="*", choices=list(MAKERS))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2) if not os.isatty(2) else None  # mpg123 complains there
    tried, faulty = collections.Counter[str](), collections.Counter[str]()
    with given.log.open("w") as log:
        for outcome in fuzz(given.count, seed=given.seed, model=given.model, names=given.names):
            tried[outcome["name"]] += 1
            if outcome["faults"]:
                faulty[outcome["name"]] += 1
                content = base64.b64encode(outcome["damaged"].read_bytes()).decode()
                log.write(
                    json.dumps({**outcome, "damaged": outcome["damaged"].name, "content": content}) + "\n"
                )
                log.flush()
        lines = [f"{name:12} {tried[name]:6} tried {faulty[name]:4} with faults" for name in sorted(tried)]
        total = f"{given.count} tried, {faulty.total()} with faults (seed {given.seed})"
        log.write(json.dumps({"total": total}) + "\n")
    print("\n".join([*lines, total]))  # noqa: T201
    return 1 if faulty else 0


if __name__ == "__main__":
    raise SystemExit(main())
