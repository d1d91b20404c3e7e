"""The table's rows, their figures against a second computation, and what applies to which recipe."""

import json

import numpy as np
import pytest

from dan.config import Recipe
from dan.core.errors import DanError
from dan.evaluation import baselines
from dan.evaluation.evaluate import TrainingSide, curve, evaluate, limit_misfit, score
from dan.synthesis.mix import draw_pairs

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


def test_the_ranking_on_the_founding_task(founding):
    ranking = ["noisy", "lowpass", "bandpass", "wavelet", "wiener", "nls", "limit"]
    figures = [founding.table.row(name).snr_db for name in ranking]
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
    assert said["clean_input"][0] == {"name": "dan", "snr_db": 100.0, "si_sdr_db": 100.0}  # the identity
    assert [row["name"] for row in said["clean_input"]] == ROWS[1:-1]  # the limit is told another SNR
    assert said["kind"] == "other" and said["settings"] == {} and said["remarks"] == []
    (only,) = said["by_snr"]
    assert (only["snr_db"], only["count"]) == ("-2", 12)
    figures = [(row["name"], row["snr_db"]) for row in only["rows"]]
    assert figures == [(row["name"], row["snr_db"]) for row in said["rows"]]


def test_markdown_holds_every_row_and_figure(founding):
    lines = founding.table.to_markdown().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2 : 2 + len(ROWS)]] == ROWS
    assert len({line.count("|") for line in lines[: 2 + len(ROWS)]}) == 1
    assert f"{founding.table.row('wiener').si_sdr_gain_db:.2f}" in lines[2 + ROWS.index("wiener")]
    assert "- dan on clean input: SI-SDR 100.0 dB" in lines
    assert not any("by input SNR" in line for line in lines)  # there is but one


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
        ({"noise": {"kinds": ("muscle",)}}, "not white"),
        ({"noise": {"kinds": ("colours", "hum")}}, "not white"),
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


@pytest.mark.parametrize("noise", [{"kinds": ("colours",)}, {"kinds": ("colours",), "hum_hz": 50.0}])
def test_white_noise_by_its_kind_is_white(noise):
    assert limit_misfit(recipe_with(noise=noise)) is None  # with kinds, hum is one of them or not there


def test_sines_are_fitted_by_their_own_number():
    recipe = recipe_with(clean={"sines": (1, 6)}, noise={"snr_db": 20.0})
    pairs = draw_pairs(recipe, 12, random=np.random.default_rng(5))
    told = scored(recipe, count=12, sines=pairs.sines)
    assert "nls" in told.outputs and "nls" not in told.table.notes
    wrong = scored(recipe, count=12, sines=np.ones(12, int))
    # At 20 dB each missing sine costs far more than the noise that its three unknowns let through.
    assert told.table.row("nls").snr_db > wrong.table.row("nls").snr_db + 6
    assert "nls" in curve(lambda x: x, recipe, snr_db=(0,), count=3)[0][1]


def test_no_limit_where_it_was_not_asked_for():
    result = scored(count=2, limit=False)
    assert list(result.outputs) == ROWS[:-1]
    assert result.table.notes == {"limit": "it was not asked for"}


def test_recordings_get_the_rows_that_need_no_prior():
    result = scored(told=False, count=3)
    assert list(result.outputs) == ["noisy", "dan", "wiener", "wavelet", "spectral_gate"]
    assert set(result.table.notes) == {"lowpass", "bandpass", "nls", "limit"}
    with pytest.raises(DanError, match="row lowpass: neither a recipe nor a training"):
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

    monkeypatch.setattr(baselines, "spectral_gate", missing)
    result = scored(told=False, count=2)
    assert "spectral_gate" not in result.outputs
    assert result.table.notes["spectral_gate"] == "noisereduce: it is not installed. Install it."


def test_the_denoiser_is_scored_on_clean_input_too():
    result = scored(count=4, told=False, denoise=lambda noisy: 0.5 * noisy)
    harm = result.table.clean_input[0]
    assert [row.name for row in result.table.clean_input] == ["dan", "wiener", "wavelet", "spectral_gate"]
    assert harm.si_sdr_db == 100
    assert harm.snr_db == pytest.approx(20 * np.log10(2), abs=1e-4)  # float32 roundings


def test_progress_of_each_stage_rises_to_one(reported):
    scored(count=2)
    assert list(reported) == ["Denoising", "Theoretical limit", "Scoring", "Clean input"]
    assert all(shares == sorted(shares) and shares[-1] == 1.0 for shares in reported.values())


def test_bad_input_is_refused():
    clean = np.zeros((2, 8))
    facts = {"recipe": FOUNDING, "model": "m", "data": "d", "parameters": 0}
    with pytest.raises(DanError, match="mixed"):
        evaluate(lambda x: x, clean=clean, mixed=clean[:1], sample_rate_hz=256, **facts)
    with pytest.raises(DanError, match="256 Hz"):
        evaluate(lambda x: x, clean=clean, mixed=clean, sample_rate_hz=100, **facts)
    with pytest.raises(DanError, match="dan"):
        evaluate(lambda x: x[:, :4], clean=clean, mixed=clean, sample_rate_hz=256, **facts)


def test_curve_over_the_snr(reported):
    points = curve(lambda x: x, FOUNDING, snr_db=(-10, 20), count=4, seed=3)
    assert [level for level, _ in points] == [-10.0, 20.0]
    for level, means in points:
        assert list(means) == ROWS
        assert means["noisy"] == means["dan"] == pytest.approx(level, abs=1e-3)  # float32 roundings
        assert means["limit"] > means["bandpass"]
    # What a filter lets through is a share of the noise: 30 dB more at the input are 30 dB at the output.
    assert points[1][1]["lowpass"] - points[0][1]["lowpass"] == pytest.approx(30, abs=0.5)
    shares = reported["SNR curve"]  # one bar for all of it
    assert len(reported) == 1 and shares == sorted(shares) and shares[-1] == 1.0


def test_curve_repeats_and_follows_its_seed():
    options = {"snr_db": (0,), "count": 3, "limit": False}
    assert curve(lambda x: x, FOUNDING, seed=1, **options) == curve(lambda x: x, FOUNDING, seed=1, **options)
    assert curve(lambda x: x, FOUNDING, seed=1, **options) != curve(lambda x: x, FOUNDING, seed=2, **options)


def recordings(count=24, *, seed, length=800, rate_hz=200.0, unequal=False):
    """Slow pulses under wander of 0.3 Hz and white noise, a third each at 0, 6 and 12 dB."""
    random = np.random.default_rng(seed)
    clean, mixed = [], []
    for row in range(count):
        time_s = np.arange(length + (unequal and row % 3) * 50) / rate_hz
        phase = random.uniform(0, 1)
        pulses = np.exp(-(((time_s + phase) % 1 - 0.5) ** 2) / (2 * 0.03**2))
        pulses -= pulses.mean()
        wander = np.sqrt(2) * np.sin(2 * np.pi * (0.3 * time_s + random.uniform()))
        noise = wander + 0.5 * random.standard_normal(len(time_s))
        gain = np.sqrt(np.mean(pulses**2) / np.mean(noise**2)) * 10 ** (-(row % 3) * 6 / 20)
        clean.append(pulses)
        mixed.append(pulses + gain * noise)
    return clean, mixed


def judged(*, training=None, unequal=False, **options):
    clean, mixed = recordings(seed=1, unequal=unequal)
    facts = {"model": "m", "data": "d", "parameters": 0, "recipe": None, "sample_rate_hz": 200.0}
    return evaluate(lambda x: x, clean=clean, mixed=mixed, training=training, **facts, **options)


@pytest.fixture(scope="module")
def fitted():
    clean, mixed = recordings(seed=2)
    return judged(training=TrainingSide(clean, mixed, 200.0), kind="ecg")


def test_filters_are_fitted_on_the_training_side(fitted):
    table, plain = fitted.table, judged().table
    assert list(fitted.outputs) == [*ROWS[:5], "wavelet", "spectral_gate"]
    assert set(table.settings) == set(ROWS[2:7]) and plain.settings == {}
    # Wander has four fifths of the noise's energy: with it cut, 7 dB are gained at the least.
    for name in ("bandpass", "wiener", "wavelet"):
        assert table.row(name).snr_gain_db > 7
    for name in ("wiener", "wavelet", "spectral_gate"):
        assert table.row(name).snr_db > plain.row(name).snr_db + 3
    assert "behind the band-pass" in table.settings["wavelet"]
    assert set(table.notes) == {"nls", "limit"}


def test_scores_by_exact_snr(fitted):
    parts = fitted.table.by_snr
    assert [(part.label, part.count) for part in parts] == [("0", 8), ("6", 8), ("12", 8)]
    for name in fitted.outputs:
        means = [part.rows[name]["snr_db"] for part in parts]
        assert np.mean(means) == pytest.approx(fitted.table.row(name).snr_db)  # classes of one size
    assert parts[1].rows["noisy"]["snr_db"] == pytest.approx(6, abs=1e-9)
    text = fitted.table.to_markdown()
    assert "| 0 (8) | 6 (8) | 12 (8) |" in text and "PRD (%) by input SNR" in text


def test_scores_by_ranges_of_5_db():
    recipe = recipe_with(noise={"snr_db": (-7.0, 9.0)})
    table = scored(recipe, count=40, limit=False).table
    assert [part.label for part in table.by_snr] == ["-10 to -5", "-5 to 0", "0 to 5", "5 to 10"]
    assert sum(part.count for part in table.by_snr) == 40
    for part in table.by_snr:
        assert part.low_db <= part.rows["noisy"]["snr_db"] < part.high_db


def test_the_figures_of_ecg_are_in_every_row(fitted):
    for row in json.loads(fitted.table.to_json())["rows"]:
        assert {"prd_percent", "prd_centred_percent", "ssd", "mad", "cosine_similarity"} <= set(row)
        assert set(row["interval_db"]) >= {"snr_db", "ssd"}
    noisy = fitted.table.row("noisy").figures
    assert noisy["prd_percent"] == pytest.approx(100 * np.mean([1, 10**-0.3, 10**-0.6]))  # 0, 6 and 12 dB


def test_signals_of_unequal_lengths(fitted):
    result = judged(unequal=True, kind="eeg")
    clean, mixed = recordings(seed=1, unequal=True)
    assert [len(signal) for signal in result.outputs["wiener"]] == [len(signal) for signal in clean]
    assert result.table.count == 24
    for signal, output in zip(mixed, result.outputs["dan"], strict=True):
        np.testing.assert_array_equal(signal, output)  # each is back at its place
    assert result.table.row("noisy").snr_db == pytest.approx(6, abs=1e-9)
    with pytest.raises(DanError, match="23 of mixed"):
        score("some", clean, clean=clean, mixed=mixed[:-1])
    with pytest.raises(DanError, match="800"):
        score("some", clean, clean=clean, mixed=[*mixed[1:], mixed[0]])


def test_a_training_side_of_silence_and_of_single_samples_is_no_traceback():
    for training in (np.zeros((3, 400)), np.ones((2, 1))):
        result = judged(training=TrainingSide(training, training, 200.0))
        json.loads(result.table.to_json())
        assert "wiener" in result.outputs


def test_an_unknown_kind_is_refused():
    with pytest.raises(DanError, match="kind=birds: it is one of other, tones, speech, ecg, eeg"):
        judged(kind="birds")
