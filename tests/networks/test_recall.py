"""Recall: repetitions are averaged, clean and silent signals stay, streams give what whole signals give."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from dan.config import CausalGeneratorSettings, SignalSettings
from dan.networks.causal import CausalGenerator
from dan.networks.recall import Recall

HOP, DELAY, HOPS = 16, 5, 60
SIGNAL = SignalSettings(sample_rate_hz=64, duration_s=1.0)
ROUNDING = 1e-11  # float64 keeps 1e-16 of values of about 1, summed over some hundreds


def beats(hops, period=70, seed=0):
    """Pulses of three waves that repeat, not in step with the blocks of 1 sample, sizes a little apart."""
    random = np.random.default_rng(seed)
    time = np.arange(hops * HOP)
    signal = np.zeros(len(time))
    for start in range(0, len(time), period):
        size = 1 + 0.02 * random.standard_normal()
        for place, height, width in ((15, 0.2, 4), (30, 1.0, 2), (50, 0.3, 6)):
            signal += size * height * np.exp(-((time - start - place) ** 2) / (2 * width**2))
    return torch.from_numpy(signal - signal.mean())


def recalled(output, removed):
    """What recall makes of an output ``[T]`` from which so much was taken away."""
    recall = Recall(HOP, HOPS, DELAY)
    heard = torch.cat([output + removed, torch.zeros(DELAY * HOP)])[DELAY * HOP :]
    first = (output + removed)[: DELAY * HOP].reshape(1, DELAY, HOP)
    state = {
        name: torch.zeros(1, *shape, dtype=output.dtype) for name, shape in recall.state_shapes().items()
    }
    state["recall_input"] = first
    hops = output.reshape(1, -1, HOP)
    ahead = torch.cat([hops[:, 1:], hops[:, -1:]], dim=1)
    return recall(hops, heard.reshape(1, -1, HOP), ahead, state).flatten()


def snr_db(estimate, clean):
    return float(10 * torch.log10(clean.square().sum() / (estimate - clean).square().sum()))


@pytest.fixture(scope="module")
def heart():
    torch.manual_seed(0)
    clean = beats(80)
    return clean, 0.12 * clean.std() * torch.randn(len(clean), dtype=clean.dtype)


def test_what_repeats_itself_is_told_from_what_does_not(heart):
    clean, noise = heart
    late = slice(10 * 70, None)  # there have been ten beats
    averaged = recalled(clean + noise, 3 * noise)
    # Two to nine likes are averaged: 3 to 9 dB.
    assert snr_db(averaged[late], clean[late]) > snr_db((clean + noise)[late], clean[late]) + 3


def test_the_first_beat_has_nothing_to_be_averaged_with(heart):
    clean, noise = heart
    torch.testing.assert_close(recalled(clean + noise, 3 * noise)[: 2 * HOP], (clean + noise)[: 2 * HOP])


def test_where_nothing_was_taken_away_next_to_nothing_changes(heart):
    clean, noise = heart
    averaged = recalled(clean + noise, torch.zeros_like(clean))
    # The same likes as above, of which each now counts a hundredth.
    assert snr_db(averaged, clean + noise) > 25


def test_noise_that_never_repeats_itself_stays_nearly_as_it_is():
    torch.manual_seed(0)
    noise = torch.randn(80 * HOP, dtype=torch.float64)
    assert snr_db(recalled(noise, noise), noise) > 25


def test_silence_recalls_nothing(heart):
    clean, noise = heart
    output = clean + noise
    output[30 * HOP : 40 * HOP] = 0
    averaged = recalled(output, 3 * noise)
    assert averaged[30 * HOP : 40 * HOP].abs().max() == 0
    assert averaged.abs().max() > 0


@pytest.mark.parametrize("level", [1e-3, 1e3])
def test_level_comes_out_as_it_went_in(heart, level):
    clean, noise = heart
    wanted = recalled(clean + noise, 3 * noise)
    averaged = recalled(level * (clean + noise), 3 * level * noise) / level
    assert snr_db(averaged, wanted) > 60  # the power at which a hop is silent is felt a little


def build(**changes):
    torch.manual_seed(0)
    small = {"n_fft": 64, "hop_length": HOP, "bins_per_band": 4, "residual_channels": 3, "hidden_channels": 4}
    small |= {"dilations": ((1, 1),), "level_frames": 5, "lookahead_frames": 1, "recall_hops": 9}
    return CausalGenerator(CausalGeneratorSettings(kind="causal", **small | changes), SIGNAL).double().eval()


@pytest.mark.parametrize("hops", [1, 3, 7])
def test_hops_one_by_one_give_what_the_whole_gives(hops):
    generator = build()
    noisy = torch.randn(2, 1, HOP * 40, dtype=torch.float64)
    noisy[1, :, 200:400] = 0
    late = generator.latency_samples - HOP
    padded = torch.nn.functional.pad(noisy[:, 0], (0, late + HOP * hops))
    state, outputs = generator.initial_state(2), []
    with torch.no_grad():
        for start in range(0, padded.shape[-1] - HOP * hops + 1, HOP * hops):
            output, state = generator.step(padded[:, start : start + HOP * hops], state)
            outputs.append(output)
        whole, without = generator(noisy)[:, 0], build(recall_hops=0)(noisy)[:, 0]
    streamed = torch.cat(outputs, dim=-1)[:, late : late + noisy.shape[-1]]
    torch.testing.assert_close(streamed, whole, rtol=0, atol=ROUNDING)
    assert (whole - without).abs().max() > 1e-3  # it does something


def test_the_receptive_field_holds_what_is_remembered():
    generator = build()
    noisy = torch.randn(1, 1, generator.receptive_field_samples + HOP * 20, dtype=torch.float64)
    other = noisy.clone()
    other[..., : HOP * 10] += 1
    first = HOP * 10 + generator.receptive_field_samples
    with torch.no_grad():
        apart = (generator(other) - generator(noisy)).abs()
    assert apart[..., first:].max() < ROUNDING < apart[..., : HOP * 10].max()


def test_training_is_without_it():
    noisy = torch.randn(1, 1, HOP * 30, dtype=torch.float64)
    torch.testing.assert_close(build().train()(noisy), build(recall_hops=0).train()(noisy))


def test_the_next_hop_is_known_before_it_is_whole():
    """With a mask of 1 it is the input itself: what its frames lack is made up for."""
    generator = build(lookahead_frames=0)
    torch.nn.init.zeros_(generator.head.weight)
    signal = torch.randn(1, 30 * HOP, dtype=torch.float64)
    seen = []
    generator.recall.forward = lambda output, heard, ahead, state: seen.append((output, ahead)) or output
    with torch.no_grad():
        generator.step(signal, generator.initial_state(1))
    output, ahead = seen[0]
    error = (ahead[:, 4:-1] - output[:, 5:]).square().mean()
    # Three of four windows are there, with all of a frame's weight but what its first quarter has.
    assert error < 0.05 * output.square().mean()


@pytest.mark.parametrize("hop_length", [8, 32])
def test_hops_are_of_blocks_and_frames_of_four_hops(hop_length):
    with pytest.raises(ValidationError, match="recall_hops=9"):
        build(hop_length=hop_length, n_fft=64)
