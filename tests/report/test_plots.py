"""Pictures: what they show is what was given, nothing overlaps, and the same input gives the same bytes."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.text import Text

from dan.config import LossWeights
from dan.core.errors import DanError
from dan.evaluation.evaluate import Row
from dan.metrics.general import snr_db
from dan.report.colours import colour_of
from dan.report.plots import figure_png, plot_curve, plot_history, plot_scores, plot_signals, save_figure
from dan.report.style import label_ends, new_figure, signed

RATE_HZ = 256.0


def row(name, level_db, *, half_db=0.2):
    interval = {"snr_db": (level_db - half_db, level_db + half_db)}
    return Row(name, level_db, level_db + 2, level_db, level_db + 2, interval)


def record(epoch, *, judged=True):
    losses = {"train_generator": 3 / epoch, "train_l1": 2 / epoch}
    if judged:
        losses |= {"train_adversarial": 1 / epoch, "train_discriminator": 0.6}
    level_db = 5.0 - 6 / epoch
    scores = {"val_snr_db": level_db, "val_snr_gain_db": level_db + 2}
    accuracy = {"discriminator_accuracy": 0.7 if judged else None}
    return {"step": 32 * epoch, "epoch": epoch, "seconds": 1.0} | losses | scores | accuracy


def tones(count=2, length=256):
    time_s = np.arange(length) / RATE_HZ
    clean = np.sin(2 * np.pi * np.array([[20.0], [40.0], [60.0]])[:count] * time_s)
    return clean, clean + np.random.default_rng(0).normal(0, 0.7, clean.shape)


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def line_of(axes, name):
    return next(line for line in axes.get_lines() if to_hex(line.get_color()) == colour_of(name))


def drawn_texts(figure):
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [text for axes in figure.axes for text in axes.texts if text.get_text()]
    # The extent of the letters alone: an annotation's own takes in the line that leads to it.
    return [(text.get_text(), Text.get_window_extent(text, renderer)) for text in texts]


def assert_apart_and_inside(figure):
    boxes = drawn_texts(figure)
    for place, (name, box) in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, name
        for other, second in boxes[place + 1 :]:
            assert not box.overlaps(second), (name, other)


def test_history_shows_each_loss_the_accuracy_and_the_levels():
    history = [record(epoch) for epoch in range(1, 9)]
    figure = plot_history(history, levels_db={"lowpass": 0.5, "limit": 19.3})
    validation, losses, discriminator, accuracy = figure.axes
    assert line_of(validation, "dan").get_ydata() == pytest.approx([r["val_snr_db"] for r in history])
    # The noisy input's level is the score less its gain.
    assert line_of(validation, "noisy").get_ydata() == pytest.approx([-2, -2])
    assert line_of(validation, "limit").get_ydata() == pytest.approx([19.3, 19.3])
    assert line_of(losses, "l1").get_ydata() == pytest.approx([r["train_l1"] for r in history])
    assert line_of(losses, "adversarial").get_xdata() == pytest.approx(range(1, 9))
    assert line_of(discriminator, "discriminator").get_ydata() == pytest.approx([0.6] * 8)
    assert line_of(accuracy, "discriminator").get_ydata() == pytest.approx([70] * 8)
    assert_apart_and_inside(figure)


def test_history_of_one_record_without_a_discriminator():
    figure = plot_history([record(1, judged=False)])
    assert titles(figure) == ["Validation: output SNR", "Generator: weighted losses"]
    point = line_of(figure.axes[0], "dan")
    assert point.get_marker() == "o" and list(point.get_xdata()) == [1]
    assert len(figure_png(figure)) > 0


def test_history_in_which_the_discriminator_comes_later():
    history = [record(1, judged=False), *(record(epoch) for epoch in (2, 3))]
    accuracy = line_of(plot_history(history).axes[3], "discriminator").get_ydata()
    assert np.isnan(accuracy[0]) and accuracy[1:] == pytest.approx([70, 70])


def test_signals_carry_their_snr_and_share_their_scales():
    clean, mixed = tones()
    figure = plot_signals({"clean": clean, "mixed": mixed, "denoised": clean}, sample_rate_hz=RATE_HZ)
    expected = [f"mixed: SNR {signed(level)} dB" for level in snr_db(estimate=mixed, reference=clean)]
    message = [title for title in titles(figure) if title]
    assert message == ["clean", expected[0], "denoised: SNR 100.0 dB", "clean", expected[1], message[2]]
    assert len({axes.get_ylim() for axes in figure.axes[::2]}) == 1
    assert {axes.get_xlim() for axes in figure.axes[::2]} == {(0, 1)}
    assert {axes.get_xlim() for axes in figure.axes[1::2]} == {(0, RATE_HZ / 2)}


def test_the_spectrum_peaks_at_the_tone_and_at_0_db():
    clean, mixed = tones()
    figure = plot_signals({"clean": clean, "mixed": mixed}, sample_rate_hz=RATE_HZ)
    for axes, tone_hz in [(figure.axes[1], 20), (figure.axes[5], 40)]:
        (line,) = axes.get_lines()
        peak = int(np.argmax(line.get_ydata()))
        # Bins lie 0.25 Hz apart, and the peak of a tone that is cut off leans by less than one.
        assert line.get_xdata()[peak] == pytest.approx(tone_hz, abs=0.25)
        assert line.get_ydata()[peak] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("length", [1, 2, 255, 9000])
def test_signals_of_any_length_and_silence(length):
    silence = np.zeros(length)
    figure = plot_signals({"clean": silence, "noise": silence + 1}, sample_rate_hz=RATE_HZ)
    assert titles(figure)[2].startswith("noise: SNR")
    for axes in figure.axes[1::2]:
        assert np.isfinite(axes.get_lines()[0].get_ydata()).all()


def test_signals_without_a_clean_one_have_no_snr():
    _, mixed = tones(count=1)
    figure = plot_signals({"mixed": mixed[0]}, sample_rate_hz=RATE_HZ)
    assert titles(figure) == ["mixed", ""]


ROWS = [row(*pair) for pair in [("noisy", -2.0), ("dan", 17.0), ("bandpass", 1.8), ("lowpass", -3.0)]]


def test_bars_start_at_the_input_and_end_at_the_score():
    figure = plot_scores([*ROWS, row("limit", 19.3)])
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["noisy input", "low-pass", "band-pass", "DAN", "limit"]
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert ends == [pytest.approx((-2, level)) for level in (-2, -3, 1.8, 17, 19.3)]
    figures = [text for text, _ in drawn_texts(figure)]
    assert figures[1] == "\N{MINUS SIGN}3.0 dB  (\N{MINUS SIGN}1.0)" and figures[3] == "17.0 dB  (+19.0)"
    assert_apart_and_inside(figure)


def test_curves_and_the_line_of_no_change():
    others = dict.fromkeys(
        ["lowpass", "bandpass", "wiener", "wavelet", "spectral_gate", "nls", "limit"], 21.0
    )
    points = [(-10.0, {"noisy": -10.0, "dan": 3.0}), (20.0, {"noisy": 20.0, "dan": 30.0})]
    figure = plot_curve([(level_db, row | others) for level_db, row in points])
    (axes,) = figure.axes
    assert line_of(axes, "noisy").get_ydata() == pytest.approx([-10, 20])
    assert line_of(axes, "dan").get_ydata() == pytest.approx([3, 30])
    widths = {line.get_linewidth() for line in axes.get_lines() if line is not line_of(axes, "dan")}
    assert line_of(axes, "dan").get_linewidth() > max(widths)
    assert_apart_and_inside(figure)


def test_curve_of_a_method_that_does_not_apply_everywhere():
    figure = plot_curve([(-10.0, {"dan": 3.0, "lowpass": -8.0}), (20.0, {"dan": 30.0})])
    (axes,) = figure.axes
    assert np.isnan(line_of(axes, "lowpass").get_ydata()[1])
    assert_apart_and_inside(figure)


def test_labels_of_lines_that_end_at_one_place_do_not_overlap():
    figure = new_figure(9.6, 5.4)
    axes = figure.subplots()
    axes.set_ylim(0, 10)
    names = ["limit", "nls", "lowpass", "wiener", "wavelet", "spectral_gate", "no change", "dan"]
    label_ends(axes, dict.fromkeys(names, 5.0))
    assert len(drawn_texts(figure)) == len(names)
    assert_apart_and_inside(figure)


def test_one_thing_has_one_colour():
    assert colour_of("mixed") == colour_of("noisy") and colour_of("denoised") == colour_of("dan")
    methods = ["noisy", "clean", "dan", "limit", "lowpass", "bandpass", "wiener", "wavelet", "nls"]
    assert len({colour_of(name) for name in methods}) == len(methods)
    losses = ["generator", "discriminator", *LossWeights.model_fields]
    assert len({colour_of(name) for name in losses}) == len(losses)
    assert colour_of("something new") not in {colour_of(name) for name in losses}
    assert colour_of("something new") not in {colour_of(name) for name in methods}


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("one.png", "two.png"):
        save_figure(plot_scores(ROWS), tmp_path / name)
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    assert imread(io.BytesIO(one)).shape[1] == 1440  # wide enough for 900 pixels of a dense screen
    assert imread(io.BytesIO(one)).min() < 0.5  # something dark is drawn
    assert b"matplotlib" not in one.lower()
    save_figure(plot_scores(ROWS[:2]), tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes() != two
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.png", "two.png"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_history([]),
        lambda: plot_curve([]),
        lambda: plot_scores(ROWS[1:]),
        lambda: plot_signals({}, sample_rate_hz=RATE_HZ),
        lambda: plot_signals({"clean": np.zeros(4), "mixed": np.zeros(5)}, sample_rate_hz=RATE_HZ),
        lambda: plot_signals({"clean": np.full(4, np.nan)}, sample_rate_hz=RATE_HZ),
        lambda: plot_signals({"clean": np.zeros(4)}, sample_rate_hz=0),
    ],
)
def test_nothing_to_draw_is_said(draw):
    with pytest.raises(DanError):
        draw()


@pytest.mark.parametrize(
    ("value", "plus", "message"),
    [(-2.04, "", "\N{MINUS SIGN}2.0"), (-0.04, "+", "0.0"), (0.06, "+", "+0.1"), (3, "", "3.0")],
)
def test_signed(value, plus, message):
    assert signed(value, plus=plus) == message
