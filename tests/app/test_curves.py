"""The curves of a training: each loss has a colour, and the legend names it."""

import pytest

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
from dan.app.curves import drawn


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
