"""One recording through a denoiser: what is told of it."""

import numpy as np
import pytest

import dan
from dan.inference.recording import denoise_recording


@pytest.mark.parametrize(("model", "misfits"), [("speech-8k", 1), ("ecg-360", 0), ("tones-wide", 0)])
def test_a_format_that_is_for_other_signals_is_told(tmp_path, model, misfits):
    wfdb = pytest.importorskip("wfdb")
    beats = np.sin(np.arange(4000) / 40)[:, None]
    wfdb.wrsamp("heart", fs=400, units=["mV"], sig_name=["II"], p_signal=beats, write_dir=str(tmp_path))
    source, target = tmp_path / "heart.hea", tmp_path / "out.npy"
    _, notes = denoise_recording(dan.load(model), source, target, options={}, resample=True)
    message = f"Warning: {model} is for speech, and such a file holds biosignals"
    assert [note for note in notes if "holds" in note] == [message] * misfits
