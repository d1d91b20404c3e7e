"""The fuzzing itself: a few of its inputs come through, and what it is there to find is found."""

import random

import numpy as np
import pytest
from benchmarks.fuzz import MAKERS, faults_of, fuzz, mutated

from dan.inference.denoiser import load

pytestmark = pytest.mark.filterwarnings("ignore")
pytest.importorskip("av")
pytest.importorskip("wfdb")
pytest.importorskip("edfio")


def test_a_valid_file_of_each_format_has_no_fault(tmp_path):
    denoiser = load("tones-wide")
    for name, make in MAKERS.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name / name)
        assert list(faults_of(tmp_path / name / name, denoiser)) == [], name


def test_damaged_files_have_no_fault():
    outcomes = list(fuzz(120, seed=7))
    assert [outcome for outcome in outcomes if outcome["faults"]] == []
    assert len({outcome["name"] for outcome in outcomes}) > 10


def test_an_output_that_differs_and_a_file_left_behind_are_found(tmp_path, monkeypatch):
    denoiser = load("tones-wide")
    MAKERS["f4.npy"](tmp_path / "f4.npy")
    monkeypatch.setattr("dan.inference.recording.BLOCK_VALUES", 100)
    assert list(faults_of(tmp_path / "f4.npy", denoiser)) == []
    original = type(denoiser).__call__
    monkeypatch.setattr(type(denoiser), "__call__", lambda *args, **given: original(*args, **given) + 0.01)
    assert any("differs by 0.01" in fault for fault in faults_of(tmp_path / "f4.npy", denoiser))
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / ".partial-1.npy").write_bytes(b"")
    assert any("left behind" in fault for fault in faults_of(tmp_path / "f4.npy", denoiser))


def test_mutations_are_those_of_the_seed():
    content = np.arange(256, dtype=np.uint8).tobytes() * 4
    changed = {mutated(content, random.Random(seed)) for seed in range(50)}
    assert len(changed) > 40 and mutated(content, random.Random(3)) == mutated(content, random.Random(3))
