"""The table's rows, their figures against a second computation, and what applies to which recipe."""

import json

import numpy as np
import pytest

from dan import evaluation
from dan.evaluation import curve, evaluate, limit_misfit, score
from dan.settings import Recipe
from dan.signals import DanError
from dan.synthesis import draw_pairs

FOUNDING = Recipe(name="founding", summary="three sines in white noise")
CONTRACT = {"name", "snr_db", "snr_gain_db", "si_sdr_db", "si_sdr_gain_db"}
ROWS = ["noisy", "dan", "lowpass", "bandpass", "wiener", "wavelet", "spectral_gate", "nls", "limit"]


def recipe_with(**sections):
    return Recipe.model_validate({"name": "varied", "summary": "a test", **sections})


def scored(recipe=FOUNDING, *, count=12, denoise=lambda noisy: noisy, seed=5, told=True, **options):
    pairs = draw_pairs(recipe, count, random=np.random.default_rng(seed))
    return evaluate(
        denoise,
        clean=pairs.clean,
        mixed=pairs.mixed,
        sample_rate_hz=recipe.signal.sample_rate_hz,
        recipe=recipe if told else None,
        model="a model",
        data="a folder",
        parameters=7,
        **options,
    )


@pytest.fixture(scope="module")
def founding():
    return scored()


def test_rows_of_the_founding_task_in_their_order(founding):
    assert [row.name for row in founding.table.rows] == ROWS
    assert list(founding.outputs) == ROWS
    assert founding.table.notes == {}


def test_the_order_of_merit_on_the_founding_task(founding):
    merit = ["noisy", "lowpass", "bandpass", "wavelet", "wiener", "nls", "limit"]
    figures = [founding.table.row(name).snr_db for name in merit]
    assert figures == sorted(figures)
    assert founding.table.row("noisy").snr_db == pytest.approx(-2, abs=1e-4)  # float32 roundings
    assert founding.table.row("limit").snr_db > 15  # 19.3 +- 3.5 / sqrt(12) a signal


def test_json_is_what_the_contract_says(founding):
    said = json.loads(founding.table.to_json())
    facts = {key: said[key] for key in ("model", "data", "sample_rate_hz", "count", "parameters")}
    assert facts == {
        "model": "a model", "data": "a folder", "sample_rate_hz": 256.0, "count": 12, "parameters": 7
    }  # fmt: skip
    assert [row["name"] for row in said["rows"]] == ROWS
    assert all(set(row) >= CONTRACT for row in said["rows"])
    assert said["clean_input"] == [{"name": "dan", "snr_db": 100.0, "si_sdr_db": 100.0}]  # the identity


def test_markdown_holds_every_row_and_figure(founding):
    lines = founding.table.to_markdown().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2 : 2 + len(ROWS)]] == ROWS
    assert len({line.count("|") for line in lines[: 2 + len(ROWS)]}) == 1
    assert f"{founding.table.row('wiener').si_sdr_gain_db:.2f}" in lines[2 + ROWS.index("wiener")]
    assert "SI-SDR 100.0 dB" in lines[-1]


def test_a_row_is_the_mean_over_signals():
    random = np.random.default_rng(0)
    clean, noise = random.standard_normal((2, 6, 50))
    mixed, estimate = clean + noise, clean + 0.3 * noise
    row = score("some", estimate, clean=clean, mixed=mixed)
    each = [10 * np.log10(np.sum(c**2) / np.sum((0.3 * n) ** 2)) for c, n in zip(clean, noise, strict=True)]
    assert row.snr_db == pytest.approx(np.mean(each), abs=1e-9)  # roundings
    assert row.snr_gain_db == pytest.approx(-20 * np.log10(0.3), abs=1e-9)
    low, high = row.interval_db["snr_db"]
    assert min(each) <= low < row.snr_db < high <= max(each)
    assert row.interval_db["snr_gain_db"] == pytest.approx((row.snr_gain_db,) * 2)  # the same for each signal


def test_silence_stays_finite():
    silence = np.zeros((2, 64))
    facts = {"recipe": None, "model": "m", "data": "d", "parameters": 0}
    result = evaluate(lambda x: x, clean=silence, mixed=silence, sample_rate_hz=64, **facts)
    for row in json.loads(result.table.to_json())["rows"]:
        assert [row[key] for key in CONTRACT - {"name"}] == [0.0] * 4


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"clean": {"sines": (1, 6)}}, "number of sines"),
        ({"clean": {"amplitude_spread": 0.1}}, "amplitudes"),
        ({"clean": {"phase_spread_rad": 0.1}}, "phases"),
        ({"noise": {"colours": ("white", "pink")}}, "not white"),
        ({"noise": {"hum_hz": 50.0}}, "not white"),
        ({"noise": {"snr_db": (-10.0, 20.0)}}, "SNR varies"),
    ],
)
def test_no_limit_where_its_prior_does_not_fit(sections, why):
    recipe = recipe_with(**sections)
    result = scored(recipe, count=3)
    assert "limit" not in result.outputs
    assert why in limit_misfit(recipe)
    assert why in result.table.notes["limit"]
    assert ("nls" in result.outputs) == (recipe.clean.sines == 3)


def test_no_limit_where_it_was_not_asked_for():
    result = scored(count=2, limit=False)
    assert list(result.outputs) == ROWS[:-1]
    assert result.table.notes == {"limit": "it was not asked for"}


def test_recordings_get_the_rows_that_need_no_prior():
    result = scored(told=False, count=3)
    assert list(result.outputs) == ["noisy", "dan", "wiener", "wavelet", "spectral_gate"]
    assert set(result.table.notes) == {"lowpass", "bandpass", "nls", "limit"}
    with pytest.raises(DanError, match="row lowpass: how the clean signals"):
        result.table.row("lowpass")


def test_a_band_up_to_half_the_rate_leaves_nothing_for_a_lowpass():
    recipe = recipe_with(clean={"frequency_hz": (10.0, 128.0)})
    result = scored(recipe, count=2, limit=False)
    assert "lowpass" not in result.outputs
    assert "pass_hz=128" in result.table.notes["lowpass"]
    assert "bandpass" in result.outputs


def test_a_missing_package_costs_its_row_only(monkeypatch):
    def missing(noisy, **_):
        raise DanError("noisereduce", "it is not installed", "Install it")

    monkeypatch.setattr(evaluation.filters, "spectral_gate", missing)
    result = scored(told=False, count=2)
    assert "spectral_gate" not in result.outputs
    assert result.table.notes["spectral_gate"] == "noisereduce: it is not installed. Install it."


def test_the_denoiser_is_scored_on_clean_input_too():
    result = scored(count=4, told=False, denoise=lambda noisy: 0.5 * noisy)
    (harm,) = result.table.clean_input
    assert harm.si_sdr_db == 100
    assert harm.snr_db == pytest.approx(20 * np.log10(2), abs=1e-4)  # float32 roundings


def test_progress_rises_to_one():
    seen = []
    scored(count=2, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert all(0 < fraction <= 1 for fraction in seen)


def test_bad_input_is_refused():
    clean = np.zeros((2, 8))
    facts = {"recipe": FOUNDING, "model": "m", "data": "d", "parameters": 0}
    with pytest.raises(DanError, match="mixed"):
        evaluate(lambda x: x, clean=clean, mixed=clean[:1], sample_rate_hz=256, **facts)
    with pytest.raises(DanError, match="256 Hz"):
        evaluate(lambda x: x, clean=clean, mixed=clean, sample_rate_hz=100, **facts)
    with pytest.raises(DanError, match="dan"):
        evaluate(lambda x: x[:, :4], clean=clean, mixed=clean, sample_rate_hz=256, **facts)


def test_curve_over_the_snr():
    seen = []
    points = curve(lambda x: x, FOUNDING, snr_db=(-10, 20), count=4, seed=3, progress=seen.append)
    assert [level for level, _ in points] == [-10.0, 20.0]
    for level, means in points:
        assert list(means) == ROWS
        assert means["noisy"] == means["dan"] == pytest.approx(level, abs=1e-3)  # float32 roundings
        assert means["limit"] > means["bandpass"]
    # What a filter lets through is a share of the noise: 30 dB more at the input are 30 dB at the output.
    assert points[1][1]["lowpass"] - points[0][1]["lowpass"] == pytest.approx(30, abs=0.5)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


def test_curve_repeats_and_follows_its_seed():
    options = {"snr_db": (0,), "count": 3, "limit": False}
    assert curve(lambda x: x, FOUNDING, seed=1, **options) == curve(lambda x: x, FOUNDING, seed=1, **options)
    assert curve(lambda x: x, FOUNDING, seed=1, **options) != curve(lambda x: x, FOUNDING, seed=2, **options)
