"""Replay: other voices and noises from the batch's own clean signals, the same from the same seed."""

import pytest
import torch

from dan.training.replay import SNR_DB, replayed


@pytest.fixture
def clean():
    torch.manual_seed(0)
    time = torch.arange(4000) / 4000
    return torch.stack([torch.sin(2 * torch.pi * hz * time) * time for hz in (200, 900, 1500)])[:, None]


def test_the_same_seed_gives_the_same_mixtures_and_another_others(clean):
    one, two, other = (replayed(clean, random=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.allclose(one, other, atol=1e-3)


def test_a_mixture_holds_the_voice_backwards_and_noise_within_the_range(clean):
    """Tones are steady but for their level: a voice played backwards falls where it rose."""
    mixed = replayed(clean, random=torch.Generator().manual_seed(0))
    assert mixed.shape == clean.shape and mixed.isfinite().all()
    backwards = clean.flip(-1)
    voice = (mixed * backwards).sum(-1, keepdim=True) / backwards.square().sum(-1, keepdim=True) * backwards
    snr_db = 10 * torch.log10(voice.square().sum(-1) / (mixed - voice).square().sum(-1))
    # The noise is measured over 4000 samples, and a part of it lies along the voice.
    assert snr_db.min() > SNR_DB[0] - 2 and snr_db.max() < SNR_DB[1] + 2


def test_silence_stays_silent():
    mixed = replayed(torch.zeros(2, 1, 512), random=torch.Generator().manual_seed(0))
    assert not mixed.any()
