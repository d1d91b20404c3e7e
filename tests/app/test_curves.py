"""The curves of a training: each loss has a colour, and the legend names it."""

import pytest

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
from dan.app.curves import drawn
from dan.config import LossWeights
from dan.report.colours import colour_of


def test_the_legend_names_every_loss_in_the_colour_of_its_curve():
    names = ["snr", "adversarial", "generator", "discriminator"]
    losses = {f"train_{name}": 1.0 for name in names}
    record = {"step": 3, "epoch": 1, "seconds": 1.0, "val_snr_db": 1.0, "val_snr_gain_db": 3.0, **losses}
    _, _, _, curves, legend = drawn([{**record, "discriminator_accuracy": None}] * 2)
    assert list(curves["color_map"]) == names and len(set(curves["color_map"].values())) == len(names)
    for name, colour in curves["color_map"].items():
        assert f"color:{colour}'>━━</span> {name}<" in legend


def test_nothing_is_drawn_before_the_first_validation():
    _, shown, gains, curves, _ = drawn([])
    assert not shown["visible"] and gains.empty and curves["value"].empty


def luminance(colour):
    shares = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_loss_has_the_colour_that_reports_give_it_and_is_seen_on_white_and_on_black():
    names = [*LossWeights.model_fields, "discriminator", "generator"]
    record = {
        "step": 3,
        "epoch": 1,
        "val_snr_gain_db": 3.0,
        "val_snr_db": 1.0,
        "discriminator_accuracy": None,
    }
    colours = drawn([record | {f"train_{name}": 1.0 for name in names}])[3]["color_map"]
    assert {name: colours[name] for name in names[:-1]} == {name: colour_of(name) for name in names[:-1]}
    assert len(set(colours.values())) == len(names)
    for colour in colours.values():
        assert 1.05 / (luminance(colour) + 0.05) > 2.5 and (luminance(colour) + 0.05) / 0.06 > 2.5
