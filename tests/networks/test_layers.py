"""The convolutions by FFT are torch's own, values and gradients."""

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dan.networks.layers import BinConvolution, LongConv1d, LongConvTranspose1d, fast_length

# Both sum the same products in float64, in another order: the error is some 1e-16 of the largest value times
# the logarithm of the length, and no value here is above 100.
ROUNDING = 1e-11

channels = st.integers(1, 4)
shapes = st.tuples(st.integers(1, 3), st.integers(1, 60))
"""Batch and length."""
layers = st.fixed_dictionaries(
    {
        "in_channels": channels,
        "out_channels": channels,
        "kernel_size": st.integers(1, 24),
        "stride": st.integers(1, 9),
        "padding": st.integers(0, 12),
        "bias": st.booleans(),
    }
)
FOUNDING = {"in_channels": 1, "out_channels": 6, "kernel_size": 64, "stride": 2, "padding": 31, "bias": True}
GAPS = {"in_channels": 2, "out_channels": 3, "kernel_size": 2, "stride": 5, "padding": 0, "bias": True}
"""Filters that skip samples."""


def outcome(layer, signal, cotangent_seed):
    """The output, and the gradients that it passes to its input and its parameters."""
    signal = signal.clone().requires_grad_()
    output = layer(signal)
    torch.manual_seed(cotangent_seed)
    wanted = [signal, *layer.parameters()]
    return [output, *torch.autograd.grad((output * torch.randn_like(output)).sum(), wanted)]


def assert_same(ours, theirs, shape):
    batch, length = shape
    torch.manual_seed(0)
    theirs = theirs.double()
    ours = ours.double()
    ours.load_state_dict(theirs.state_dict())
    signal = torch.randn(batch, ours.in_channels, length, dtype=torch.float64)
    for mine, reference in zip(outcome(ours, signal, 1), outcome(theirs, signal, 1), strict=True):
        assert mine.shape == reference.shape
        torch.testing.assert_close(mine, reference, rtol=ROUNDING, atol=ROUNDING)


@given(layers, shapes)
@example(FOUNDING, (2, 256))
@example(GAPS, (1, 2))
def test_convolution(settings, shape):
    assume(shape[1] + 2 * settings["padding"] >= settings["kernel_size"])
    assert_same(LongConv1d(**settings), torch.nn.Conv1d(**settings), shape)


@given(layers, shapes)
@example(FOUNDING, (2, 128))
@example(GAPS, (1, 2))
def test_transposed_convolution(settings, shape):
    span = (shape[1] - 1) * settings["stride"] + settings["kernel_size"]
    assume(span > 2 * settings["padding"])
    assert_same(LongConvTranspose1d(**settings), torch.nn.ConvTranspose1d(**settings), shape)


@given(channels, channels, st.integers(0, 3), st.integers(1, 4), st.integers(1, 40))
def test_convolution_along_frequency(inputs, outputs, half, dilation, bins):
    """Beside torch's convolution of one axis: the taps lie apart, the channels side by side."""
    torch.manual_seed(0)
    kernel = 2 * half + 1
    layer = BinConvolution(inputs, outputs, kernel_bins=kernel, dilation_bins=dilation).double()
    layer.bias.data.normal_()
    signal = torch.randn(2, inputs, 3, bins, dtype=torch.float64)
    frames = signal.transpose(1, 2).flatten(0, 1)  # [B frames, C, bins]
    weight = layer.weight.view(outputs, kernel, inputs).transpose(1, 2)
    expected = torch.nn.functional.conv1d(
        frames, weight, layer.bias, padding=dilation * half, dilation=dilation
    )
    expected = expected.view(2, 3, outputs, bins).transpose(1, 2)
    torch.testing.assert_close(layer(signal), expected, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("gain", [0.3, 1.0])
def test_convolution_along_frequency_keeps_the_variance(gain):
    torch.manual_seed(0)
    output = BinConvolution(40, 50, kernel_bins=5, gain=gain)(torch.randn(4, 40, 1, 200))
    # 50 x 200 drawn sums of 10,000 weights: the variance is known to some 2 %.
    assert output[..., 2:-2].std().item() == pytest.approx(gain, rel=0.05)


@pytest.mark.parametrize("length", [256, 10_000])
def test_in_single_precision(length):
    torch.manual_seed(0)
    ours, theirs = LongConv1d(6, 6, 64, padding=32), torch.nn.Conv1d(6, 6, 64, padding=32)
    ours.load_state_dict(theirs.state_dict())
    signal = torch.randn(2, 6, length)
    # 384 products of unit size: outputs of order 1, float32 keeps 6e-8 of each sum's parts.
    torch.testing.assert_close(ours(signal), theirs(signal), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "option"),
    [
        (LongConv1d, {"dilation": 2}),
        (LongConv1d, {"padding_mode": "circular", "padding": 1}),
        (LongConvTranspose1d, {"dilation": 2}),
        (LongConvTranspose1d, {"output_padding": 1, "stride": 2}),
    ],
)
def test_what_they_cannot_do_is_refused_or_done(layer, option):
    try:
        ours = layer(1, 1, 4, **option)
    except (TypeError, ValueError):
        return
    theirs = layer.__mro__[1](1, 1, 4, **option)
    theirs.load_state_dict(ours.state_dict())
    signal = torch.randn(1, 1, 16)
    torch.testing.assert_close(ours(signal), theirs(signal))


@given(st.integers(1, 5000))
def test_fast_lengths_are_enough_and_of_small_factors(least):
    size = fast_length(least)
    assert least <= size < 2 * least or size == least == 1
    odd = size
    while odd % 2 == 0:
        odd //= 2
    assert odd in (1, 3, 5)
