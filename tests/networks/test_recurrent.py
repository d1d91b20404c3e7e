"""The recurrent generator: one computation whole and in steps, level by level, with factors of at most 1."""

import pytest
import torch

from dan.config import RecurrentGeneratorSettings, SignalSettings
from dan.networks.factory import build_generator
from dan.networks.recurrent import NormalisedLayer, PlaceAttention, bands, bounded

SIGNAL = SignalSettings(sample_rate_hz=16000, duration_s=1.0)
SETTINGS = RecurrentGeneratorSettings(kind="recurrent", n_fft=64, hop_length=32, bands=6, hidden_channels=8)


@pytest.fixture(scope="module")
def generator():
    """A network in evaluation mode whose normalisation has seen some noise."""
    torch.manual_seed(0)
    network = build_generator(SETTINGS, SIGNAL)
    for _ in range(3):
        network(torch.randn(4, 1, 2000))
    return network.eval()


@pytest.mark.parametrize(("sample_rate_hz", "bands", "most"), [(16000, 24, 26_373), (8000, 20, 26_373)])
def test_the_networks_of_speech_have_the_parameters_that_they_may(sample_rate_hz, bands, most):
    frame = sample_rate_hz * 32 // 1000
    settings = RecurrentGeneratorSettings(kind="recurrent", n_fft=frame, hop_length=frame // 2, bands=bands)
    network = build_generator(settings, SignalSettings(sample_rate_hz=sample_rate_hz, duration_s=1.0))
    assert 20_000 < sum(parameter.numel() for parameter in network.parameters()) <= most


@pytest.mark.parametrize("hops_at_once", [1, 2, 7])
def test_steps_give_what_the_whole_gives(generator, hops_at_once):
    torch.manual_seed(1)
    noisy = torch.randn(2, 1, 32 * 42) / 4
    state, outputs = generator.initial_state(2), []
    with torch.inference_mode():
        for block in noisy[:, 0].split(32 * hops_at_once, dim=-1):
            output, state = generator.step(block, state)
            outputs.append(output)
        whole = generator(noisy)[:, 0]
    streamed = torch.cat(outputs, dim=-1)
    # float32 sums in another order.
    torch.testing.assert_close(streamed[:, 32:], whole[:, :-32], rtol=0, atol=1e-6)


@pytest.mark.parametrize("gain", [1e-3, 30.0])
def test_a_louder_input_gives_the_same_output_louder(generator, gain):
    torch.manual_seed(2)
    noisy = torch.randn(1, 1, 3000) / 4
    with torch.inference_mode():
        once, scaled = generator(noisy), generator(gain * noisy)
    torch.testing.assert_close(scaled / gain, once, rtol=0, atol=1e-5)


def test_nothing_of_the_future_is_heard(generator):
    torch.manual_seed(3)
    noisy = torch.randn(1, 1, 2000)
    other = noisy.clone()
    other[..., 1024:] = torch.randn(976)
    with torch.inference_mode():
        changed = (generator(noisy) != generator(other)).flatten().nonzero()
    assert changed.min() >= 1024 - generator.latency_samples


def test_factors_are_of_magnitude_1_at_most_and_keep_their_phase():
    torch.manual_seed(4)
    factor = 10 ** torch.linspace(-3, 3, 50) * torch.randn(1, 2, 50)
    out = bounded(factor)
    assert out.norm(dim=1).max() <= 1 + 1e-6
    torch.testing.assert_close(torch.atan2(out[:, 1], out[:, 0]), torch.atan2(factor[:, 1], factor[:, 0]))


def test_bands_are_means_fine_below_and_coarse_above():
    matrix = bands(64, 24, 0.25)
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(24))
    assert torch.equal(matrix[:16, :16], torch.eye(16))
    assert ((matrix > 0).sum(dim=0) == 1).all()  # each position belongs to one band
    assert ((matrix[16:] > 0).sum(dim=1) == 6).all()


@pytest.mark.parametrize(("taps", "stride"), [(0, 1), (1, 1), (3, 1), (8, 4)])
def test_normalisation_folded_into_the_weights_is_batch_normalisation(taps, stride):
    torch.manual_seed(5)
    layer = NormalisedLayer(3, 5, taps=taps, stride=stride)
    layer.scale.data, layer.bias.data = torch.rand(5), torch.randn(5)
    input = torch.randn(4, 6, 16, 3) if taps == 0 else torch.randn(4, 3, 6, 16)
    for _ in range(200):
        trained = layer(input)
    axis = -1 if taps == 0 else 1
    # After 200 batches the running figures are the batch's, but for 0.95^200 and the divisor n - 1.
    torch.testing.assert_close(layer.eval()(input), trained, rtol=0, atol=0.02)
    others = tuple(index for index in range(4) if index != axis % 4)
    torch.testing.assert_close(trained.mean(dim=others), layer.bias.data, rtol=0, atol=1e-5)
    torch.testing.assert_close(trained.std(dim=others, correction=0), layer.scale.data, rtol=0, atol=1e-3)
    if taps:
        assert trained.shape[-1] == 16 // stride


def with_other_figures(module):
    """The module in evaluation mode; no bias, mean or variance of its layers is what it is at the start."""
    torch.manual_seed(5)
    for layer in module.modules():
        if isinstance(layer, NormalisedLayer):
            layer.bias.data, layer.mean = torch.randn_like(layer.bias), torch.randn_like(layer.mean)
            layer.variance = torch.rand_like(layer.variance) + 0.5
    return module.eval()


def test_joined_maps_of_attention_are_those_it_was_trained_with():
    attention = with_other_figures(PlaceAttention(8))
    input, offset = torch.randn(3, 2, 6, 8), torch.randn(8).expand(6, 8)
    query, key, value = attention.project_in(input + offset).split(8, dim=-1)
    weight = (query @ key.transpose(-1, -2) / 8**0.5).softmax(dim=-1)
    wanted = attention.project_out(weight @ value)
    torch.testing.assert_close(attention(input + offset), wanted)
    torch.testing.assert_close(attention.joined(input, offset), wanted + offset)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_is_joined_once_trained_gives_what_was_trained(depth):
    """The network by the layers one for one, as in training, each with the figures that it has learnt."""
    network = build_generator(SETTINGS.model_copy(update={"depth": depth}), SIGNAL)
    network, noisy = with_other_figures(network).double(), torch.randn(2, 1, 1000, dtype=torch.float64)
    with torch.inference_mode():
        joined = network(noisy)
        for part in (network, *network.blocks):
            part.training = True
        # float64 keeps 1e-16 of values of about 1.
        torch.testing.assert_close(network(noisy), joined, rtol=0, atol=1e-12)
