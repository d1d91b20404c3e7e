"""The causal generator's lookahead: latency to the sample, whole and streamed alike, any level alike."""

import pytest
import torch

from dan.config import CausalGeneratorSettings, SignalSettings
from dan.networks.causal import CausalGenerator

SIGNAL = SignalSettings(sample_rate_hz=64, duration_s=1.0)
ROUNDING = 1e-12  # float64 keeps 1e-16 of values of about 1, summed over some hundreds


def build(lookahead, **changes):
    torch.manual_seed(0)
    small = {"n_fft": 16, "hop_length": 4, "bins_per_band": 2, "residual_channels": 3, "hidden_channels": 4}
    small |= {"dilations": ((1, 1), (2, 2)), "lookahead_frames": lookahead}
    settings = CausalGeneratorSettings(kind="causal", **small | changes)
    generator = CausalGenerator(settings, SIGNAL).double().eval()
    with torch.no_grad():
        for weight in generator.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return generator


def noise(*shape):
    torch.manual_seed(1)
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize("lookahead", [0, 1, 3, 9])
def test_latency_is_a_frame_and_the_hops_looked_ahead(lookahead):
    assert build(lookahead).latency_samples == 16 + 4 * lookahead


@pytest.mark.parametrize("lookahead", [0, 1, 3])
def test_outputs_depend_on_what_the_latency_covers_and_on_no_more(lookahead):
    generator, place = build(lookahead), 79  # the last sample of a hop
    noisy = noise(1, 1, 160)
    other = noisy.clone()
    other[..., place] += 1
    with torch.no_grad():
        changed = (generator(other) - generator(noisy))[0, 0].abs() > ROUNDING
    # One sample less than the latency: the window that frames are joined by begins with a 0.
    assert int(changed.nonzero()[0]) == place - generator.latency_samples + 2


@pytest.mark.parametrize("lookahead", [0, 2, 5])
@pytest.mark.parametrize("hops", [1, 3, 7])
def test_hops_one_by_one_give_what_the_whole_gives(lookahead, hops):
    generator, length = build(lookahead), 4 * 63
    noisy = noise(2, 1, length)
    late = generator.latency_samples - 4
    padded = torch.nn.functional.pad(noisy[:, 0], (0, late + 4 * hops))
    state, outputs = generator.initial_state(2), []
    with torch.no_grad():
        for start in range(0, padded.shape[-1] - 4 * hops + 1, 4 * hops):
            output, state = generator.step(padded[:, start : start + 4 * hops], state)
            outputs.append(output)
        whole = generator(noisy)[:, 0]
    streamed = torch.cat(outputs, dim=-1)[:, late : late + length]
    torch.testing.assert_close(streamed, whole, rtol=0, atol=ROUNDING)


def test_a_filter_that_is_the_identity_returns_its_input_whatever_the_lookahead():
    generator, noisy = build(3), noise(2, 1, 100)
    with torch.no_grad():
        generator.head.weight.zero_()
        generator.head.bias.zero_()
        denoised = generator(noisy)
    # The windows, stored in float32, add up to 1 within 1e-7.
    torch.testing.assert_close(denoised, noisy, rtol=0, atol=1e-6)


def test_what_is_ahead_decides():
    """The same past with another future gives other factors, which without lookahead it cannot."""
    noisy, place = noise(1, 1, 160), 80
    other = noisy.clone()
    other[..., place:] *= 10
    for lookahead, differs in ((0, False), (4, True)):
        generator = build(lookahead)
        with torch.no_grad():
            change = (generator(other) - generator(noisy))[0, 0, : place - 16].abs().max()
        assert bool(change > 1e-3) is differs


@pytest.mark.parametrize("level", [0.1, 1e3])
def test_level_comes_out_as_it_went_in(level):
    generator, noisy = build(2), noise(1, 1, 200)
    with torch.no_grad():
        # In the silence after the end the power of 1e-14 that keeps bins finite is felt.
        wanted = level * generator(noisy)
        torch.testing.assert_close(generator(level * noisy), wanted, rtol=0, atol=1e-3 * level)


def after_gap(generator, *, gap_samples, value=0.0, before=80):
    """What comes out for 80 fainter samples behind a gap of one value."""
    gap = torch.full((1, 1, gap_samples), value, dtype=torch.float64)
    with torch.no_grad():
        return generator(torch.cat([noise(1, 1, before), gap, 1e-2 * noise(1, 1, 80)], dim=-1))[..., -80:]


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_gap_of_one_value_leaves_half_the_level_however_long_it_is(value):
    """No more of its frames count than there are others, from as many on."""
    generator = build(0, level_frames=200)
    short, long = (after_gap(generator, gap_samples=length, value=value) for length in (200, 500))
    torch.testing.assert_close(long, short, rtol=0, atol=ROUNDING)


def test_where_a_gap_outlasts_the_level_it_is_found_anew_as_at_the_start():
    generator = build(0, level_frames=9)
    at_start = after_gap(generator, gap_samples=100, before=0)
    torch.testing.assert_close(after_gap(generator, gap_samples=100), at_start, rtol=0, atol=ROUNDING)


def test_the_receptive_field_holds_what_is_looked_ahead():
    """With hardly any past the frames ahead are what reaches furthest."""
    shallow = build(9, dilations=((1, 1),), kernel_frames=1, level_frames=2)
    assert shallow.receptive_field_samples == 9 * 4 + 2 * 16 - 1
