"""A folder of pauses says what was taken and what was not, and holds no sounds that a gate has cut out."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.data.pauses_folder import write_pauses

RATE_HZ = 8000


@pytest.fixture
def gated(tmp_path):
    """Writes sounds of 0.5 s, each followed by noise for a while, between seconds of digital silence."""

    def gated(hangover_s):
        random, signal = np.random.default_rng(0), np.zeros(10 * RATE_HZ)
        for start_s in range(1, 10, 2):
            behind = (start_s + 0.5) * RATE_HZ + np.arange(round(hangover_s * RATE_HZ))
            signal[behind.astype(int)] = 0.003 * random.standard_normal(len(behind))
            sound = slice(start_s * RATE_HZ, start_s * RATE_HZ + RATE_HZ // 2)
            signal[sound] = 0.1 * random.standard_normal(RATE_HZ // 2)
        folder = tmp_path / f"gated_{hangover_s:g}"
        folder.mkdir()
        soundfile.write(folder / "a.wav", signal, RATE_HZ)
        return folder

    return gated


def test_gated_recordings_without_noise_are_refused_and_leave_nothing(gated, tmp_path):
    with pytest.raises(DanError, match=r"7.5 of 10 s are digital silence.*from before the gate"):
        write_pauses(gated(0), tmp_path / "noise", events=tmp_path / "events")
    assert not (tmp_path / "noise").exists() and not (tmp_path / "events").exists()


def test_digital_silence_is_told_and_neither_noise_nor_event(gated, tmp_path):
    taken = write_pauses(gated(0.4), tmp_path / "noise", events=tmp_path / "events")
    assert any("5.5 of 10 s are digital silence" in note for note in taken.notes)
    assert any("taken for the signal alone" in note for note in taken.notes)
    noise, events = (
        [soundfile.read(path)[0] for path in sorted((tmp_path / kind).rglob("*.wav"))]
        for kind in ("noise", "events")
    )
    assert len(noise) == 5 and all(0.002 < piece.std() < 0.004 for piece in noise)
    assert max(len(event) // 3 for event in events) < RATE_HZ  # a sound, and not the silence around it
