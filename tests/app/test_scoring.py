"""Scores of the page: the noisy file's beside those of the denoised ones, and refusals in words."""

import numpy as np
import pytest

from dan.app.scoring import score
from dan.core.errors import DanError
from dan.io.recordings import write

CLEAN = np.tile(np.array([1, -1], dtype=np.float32), 400)


@pytest.fixture
def put(tmp_path):
    def make(name, samples):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, samples.astype(np.float32), sample_rate_hz=8000)
        return tmp_path / name

    return make


def test_scores_are_means_over_the_recordings_that_have_a_clean_one(put, tmp_path):
    noisy = [put("noisy/a.wav", 1.1 * CLEAN), put("noisy/b.wav", 1.01 * CLEAN), put("noisy/c.wav", CLEAN)]
    clean = [put("clean/a.wav", CLEAN), put("clean/b.wav", CLEAN)]
    for name in "abc":
        put(f"out/{name}.wav", 1.001 * CLEAN)
    rows = score(clean, noisy, [tmp_path / "out"])
    assert rows[0]["snr_db"] == pytest.approx((20 + 40) / 2, abs=0.01)
    assert rows[1]["snr_db"] == pytest.approx(60, abs=0.01)


def test_what_does_not_belong_together_is_named(put, tmp_path):
    noisy = [put("noisy/a.wav", CLEAN)]
    with pytest.raises(DanError, match=r"b\.wav: no noisy recording has this name"):
        score([put("clean/b.wav", CLEAN)], noisy, [])
    with pytest.raises(DanError, match="its shape is"):
        score([put("clean/a.wav", CLEAN[:-1])], noisy, [])
