"""What a folder and a model say of the signals, and a judgement of recordings from end to end."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dan.core.errors import DanError
from dan.workflows import evaluate as judging
from dan.workflows.evaluate import judge

RATE_HZ = 100.0


class Half:
    """Stands for a model: it halves."""

    def __init__(self, kind):
        self.info = SimpleNamespace(
            name="half", signal=SimpleNamespace(kind=kind), parameters=0, sample_rate_hz=RATE_HZ
        )
        self.history = []

    def __call__(self, noisy, *, sample_rate):
        return 0.5 * noisy


@pytest.fixture
def data(tmp_path):
    """A folder of recordings of unequal lengths, without a word of how they were made."""
    random = np.random.default_rng(0)
    for side, row in [(side, row) for side in ("train", "validation") for row in range(4)]:
        clean, noise = random.standard_normal((2, 300 + 20 * row)).astype(np.float32)
        clean = np.convolve(clean, np.ones(9) / 9, mode="same").astype(np.float32)
        for kind, signal in (("clean", clean), ("noise", noise), ("mixed", clean + 0.3 * noise)):
            (tmp_path / "data" / side / kind).mkdir(parents=True, exist_ok=True)
            np.save(tmp_path / "data" / side / kind / f"{row}.npy", signal)
    return tmp_path / "data"


def without_training_side(data):
    for path in (data / "train").glob("*/*"):
        path.unlink()


def judged(monkeypatch, data, *, trained_on="other", said=None, **options):
    monkeypatch.setattr(judging, "_opened", lambda _: (Half(trained_on), None))
    if said is not None:
        (data / "dataset.json").write_text(json.dumps({"sample_rate_hz": RATE_HZ, **said}))
    return judge("half", data, sample_rate_hz=RATE_HZ, **options)


def test_recordings_from_end_to_end(monkeypatch, data, tmp_path, reported):
    files = {"json_file": tmp_path / "t.json", "report": tmp_path / "report"}
    evaluation = judged(monkeypatch, data, trained_on="ecg", **files)
    said = json.loads((tmp_path / "t.json").read_text())
    assert said["kind"] == "ecg" and said["count"] == 4
    assert [row["name"] for row in said["rows"]] == [
        "noisy", "dan", "lowpass", "bandpass", "wiener", "wavelet", "spectral_gate"
    ]  # fmt: skip
    assert set(said["settings"]) == set(evaluation.outputs) - {"noisy", "dan"}
    assert said["clean_input"][0]["snr_db"] == pytest.approx(20 * np.log10(2), abs=1e-4)  # float32
    assert "training side" in (tmp_path / "report" / "index.html").read_text()
    reading = ["Reading validation", "Reading train"]
    assert list(reported) == [*reading, "Setting filters", "Denoising", "Scoring", "Clean input"]
    assert all(shares[-1] == 1 for shares in reported.values())


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        (("eeg", "ecg", "speech"), "eeg"),
        ((None, "ecg", "eeg"), "ecg"),
        ((None, None, "eeg"), "eeg"),
        ((None, None, "other"), "other"),
    ],
)
def test_the_kind_is_what_the_first_says(monkeypatch, data, who, kind):
    without_training_side(data)
    given, said, trained_on = who
    said = {"kind": said} if said else None
    assert judged(monkeypatch, data, trained_on=trained_on, said=said, kind=given).table.kind == kind


def test_signals_that_are_not_the_models_are_told(monkeypatch, data):
    without_training_side(data)
    table = judged(monkeypatch, data, trained_on="speech", said={"kind": "ecg"}).table
    assert "half is for signals of the kind speech, and these are ecg" in table.remarks
    assert not any("worse" in remark for remark in table.remarks)  # half of it is as good by SI-SDR
    monkeypatch.setattr(Half, "__call__", lambda _, noisy, sample_rate: np.roll(noisy, 5, axis=-1))
    table = judged(monkeypatch, data, trained_on="ecg", said={"kind": "ecg"}).table
    (worse,) = (remark for remark in table.remarks if "worse" in remark)
    assert f"by {-table.row('dan').si_sdr_gain_db:.1f} dB" in worse
    assert not any("kind" in remark for remark in table.remarks)


def test_results_are_told_by_what_the_files_names_say(monkeypatch, data):
    without_training_side(data)
    for kind in ("clean", "noise", "mixed"):
        for row, name in enumerate(("ann_1", "ann_2", "bob_1", "x")):
            (data / "validation" / kind / f"{row}.npy").rename(data / "validation" / kind / f"{name}.npy")
    table = judged(monkeypatch, data, by="^([a-z]+)_").table
    assert [(group.name, group.count) for group in table.by_group] == [("ann", 2), ("bob", 1), ("other", 1)]
    whole = sum(group.count * group.rows[1].snr_db for group in table.by_group) / 4
    assert whole == pytest.approx(table.row("dan").snr_db)
    assert [row.name for row in table.by_group[0].rows] == [row.name for row in table.rows]
    assert json.loads(table.to_json())["by_group"][0]["rows"][1]["interval_db"]["snr_db"]
    assert "| ann | 2 | 0.00 ±0.00 |" in table.to_markdown()
    for wrong in ("ann", "("):
        with pytest.raises(DanError, match="one group"):
            judged(monkeypatch, data, by=wrong)
    with pytest.raises(DanError, match=r"no name of a file fits it \(ann_1, "):
        judged(monkeypatch, data, by="^([0-9]+)_")


def test_an_unknown_kind_is_named(monkeypatch, data):
    with pytest.raises(DanError, match="kind=birds"):
        judged(monkeypatch, data, kind="birds")
    with pytest.raises(DanError, match="kind=fish"):
        judged(monkeypatch, data, said={"kind": "fish"})


def test_without_a_training_side_the_filters_keep_their_defaults(monkeypatch, data):
    without_training_side(data)
    table = judged(monkeypatch, data).table
    assert [row.name for row in table.rows] == ["noisy", "dan", "wiener", "wavelet", "spectral_gate"]
    assert "training side" in table.notes["bandpass"]


def test_silent_and_noiseless_signals_are_said_to_hold_the_means(monkeypatch, data):
    without_training_side(data)
    for stem, kind, other in (("0", "clean", "noise"), ("1", "noise", "clean")):
        path = data / "validation" / kind / f"{stem}.npy"
        np.save(path, 0 * np.load(path))
        np.save(
            data / "validation" / "mixed" / f"{stem}.npy",
            np.load(data / "validation" / other / f"{stem}.npy"),
        )
    remarks = judged(monkeypatch, data).table.remarks
    assert [remark for remark in remarks if "1 of 4 inputs" in remark] == [
        "1 of 4 inputs hold no noise: their SNR counts as 100 dB, and weighs that much in the means",
        "1 of 4 inputs hold no signal: their SNR counts as -100 dB, and weighs that much in the means",
    ]


def test_data_at_another_rate_are_refused_with_a_way_out(monkeypatch, data):
    monkeypatch.setattr(judging, "_opened", lambda _: (Half(None), None))
    with pytest.raises(DanError, match=r"at 50 Hz: the model half is for 100 Hz.*data mix --sample-rate 100"):
        judge("half", data, sample_rate_hz=50)


@pytest.mark.parametrize(
    ("model", "told"), [("tones", False), ("./tones", True), ("tones/model.safetensors", True)]
)
def test_a_report_tells_the_training_of_the_model_that_was_scored(monkeypatch, data, tmp_path, model, told):
    monkeypatch.chdir(tmp_path)
    Path("tones").mkdir()
    Path("tones/model.safetensors").touch()
    Path("tones/history.jsonl").write_text('{"step": 1}\n', encoding="utf-8")
    monkeypatch.setattr(judging, "load", lambda _: Half("other"))
    given = {}
    monkeypatch.setattr(judging, "write_report", lambda *_, history, **others: given.update(history=history))
    judge(model, data, sample_rate_hz=RATE_HZ, report=Path("report"))
    assert given["history"] == ([{"step": 1}] if told else [])
