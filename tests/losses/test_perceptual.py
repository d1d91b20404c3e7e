"""Bands cover what they should, the threshold is lowest where ears are best, loudness grows by its law."""

import pytest
import torch

from dan.losses.perceptual import bark, critical_bands, loudness, third_octaves


@pytest.mark.parametrize("bins", [1, 2, 5, 6, 33, 129, 257])
def test_bands_are_a_third_of_an_octave_and_do_not_overlap(bins):
    bands = third_octaves(bins)
    assert (bands.sum(dim=1) <= 1).all() and (bands.sum(dim=0) > 0).all()
    for band in bands.T if bins > 5 else ():
        (held,) = torch.where(band > 0)
        assert (held[-1] + 1 - held[0]) / held[0] < 2 ** (1 / 3) + 1 / held[0]
    assert bins < 6 or bands.sum() == bins - 5  # from the fifth bin up


@pytest.mark.parametrize(("rate_hz", "bins", "bands"), [(8000, 129, 32), (16000, 257, 41), (2000, 33, 12)])
def test_critical_bands_go_from_250_hz_to_below_half_the_rate(rate_hz, bins, bands):
    made = critical_bands(bins, rate_hz)
    assert made.members.shape == (bins, len(made.threshold)) and bands - 3 <= len(made.threshold) <= bands
    (held,) = torch.where(made.members.sum(dim=1) > 0)
    lowest_hz, highest_hz = held[[0, -1]] * rate_hz / 2 / (bins - 1)
    assert 240 <= lowest_hz < 300 and 0.75 < highest_hz / (rate_hz / 2) < 1
    assert made.members.sum(dim=1).max() == 1


def test_bark_is_one_at_100_hz_and_eight_and_a_half_at_1000():
    assert bark(torch.tensor([0.0, 100.0, 1000.0])).tolist() == pytest.approx([0, 0.99, 8.51], abs=0.02)


def test_the_threshold_is_lowest_between_3_and_4_khz():
    made = critical_bands(257, 16000.0)
    place = int(made.threshold.argmin())
    (held,) = torch.where(made.members[:, place] > 0)
    assert 3000 < held.float().mean() * 8000 / 256 < 4000


def test_loudness_grows_with_power_from_nothing_at_the_threshold():
    threshold = torch.tensor([1.0, 10.0])
    heard = loudness(torch.tensor([[0.0, 0.0], [1.0, 10.0], [1e4, 1e5], [1e7, 1e8]]), threshold)
    assert heard[:2].max() == pytest.approx(0, abs=1e-6)
    # A thousand times the power is 10^(3 * 0.23) times the loudness, where the threshold no longer matters.
    ratio = heard[3] / heard[2]
    assert ratio.tolist() == pytest.approx([10 ** (3 * 0.23)] * 2, rel=0.2)
