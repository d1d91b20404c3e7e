"""The public face: what `import dan` offers, its examples, and what it costs."""

import doctest
import inspect
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import dan
from dan.core.errors import DanError, ParameterError

RATE_HZ = 256


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the examples run: a noisy recording and a data folder."""
    folder = tmp_path_factory.mktemp("examples")
    random = np.random.default_rng(0)
    soundfile.write(folder / "noisy.wav", 0.1 * random.standard_normal(2048), RATE_HZ, "FLOAT")
    for kind in ("clean", "mixed"):
        (folder / "held_out" / "validation" / kind).mkdir(parents=True)
    time_s = np.arange(RATE_HZ) / RATE_HZ
    for number in range(3):
        clean = np.sin(2 * np.pi * (20 + number) * time_s)
        noise = random.standard_normal(RATE_HZ)
        for kind, signal in (("clean", clean), ("mixed", clean + noise)):
            np.save(folder / "held_out" / "validation" / kind / f"{number}.npy", signal.astype(np.float32))
    (folder / "held_out" / "dataset.json").write_text(json.dumps({"sample_rate_hz": RATE_HZ}))
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def functions():
    return [name for name in dan.__all__ if inspect.isfunction(getattr(dan, name))]


@pytest.mark.parametrize("name", functions())
def test_every_function_has_an_example_that_runs(here, name):
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(dan, name), name, globs={"dan": dan})
    assert example.examples, f"dan.{name} has no example"
    said = []
    doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert not said, "".join(said)


def test_a_rate_is_given_to_a_file_that_does_not_say_another(here):
    np.save("a.npy", np.zeros(8))
    assert dan.read("a.npy", sample_rate=100)[1] == 100
    assert dan.read("noisy.wav", sample_rate=RATE_HZ)[1] == RATE_HZ
    with pytest.raises(ParameterError, match=r"sample_rate=100: noisy\.wav says 256 Hz\. Leave it out"):
        dan.read("noisy.wav", sample_rate=100)


def test_what_is_not_in_the_samples_is_told(here):
    rows = np.random.default_rng(0).normal(size=(200, 1)) * [0, 1, 0] + np.arange(200)[:, None] * [0.01, 0, 0]
    np.savetxt("a.csv", rows, delimiter=",", header="time,ecg,event", comments="", fmt="%.4f")
    with pytest.warns(UserWarning, match=r"a\.csv: .*event"):
        samples, rate_hz = dan.read("a.csv")
    assert samples.shape == (200,) and rate_hz == pytest.approx(100)


@pytest.mark.parametrize("name", [name for name in dan.__all__ if name != "__version__"])
def test_every_docstring_stands_alone(name):
    first = inspect.getdoc(getattr(dan, name)).splitlines()[0]
    assert first.endswith((".", ":")) and first.split()[0] not in ("Of", "By", "What")


def test_completion_finds_all_of_it():
    assert dir(dan) == dan.__all__ == sorted(dan.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        dan.nonsense  # noqa: B018


def test_what_is_looked_up_is_what_lies_where_it_is_defined():
    from dan.inference.denoiser import Denoiser, load

    assert dan.load is load and dan.Denoiser is Denoiser and dan.DanError is DanError


def test_import_loads_nothing():
    heavy = ["numpy", "torch", "scipy", "pydantic", "soundfile", "onnxruntime", "typer", "rich"]
    code = f"import sys, dan; dir(dan); print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"


def test_reading_denoising_and_listing_load_no_torch(here):
    code = (
        "import sys, dan; y, sr = dan.read('noisy.wav'); dan.denoise(y, sr, model='tones-wide')\n"
        "dan.list_models(); dan.list_recipes(); print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False\n"


def test_a_training_is_resumed_and_stopped(here, tmp_path):
    settings = {"training.epochs": 3, "training.steps_per_epoch": 2, "training.batch_size": 4}
    settings |= {"data.validation_count": 4}
    call = {"out": tmp_path / "run", "settings": settings, "seed": 3}
    stopped = dan.train("tones", max_minutes=0, **call)
    assert not stopped.history
    whole = dan.train("tones", **call)
    assert [record["step"] for record in whole.history] == [2, 4, 6]
    again = dan.train("tones", **call)
    assert again.history == whole.history
    with pytest.raises(DanError, match="seed"):
        dan.train("tones", **(call | {"seed": 4}))


def test_a_denoiser_is_judged_as_its_name_is(here):
    by_name, loaded = dan.evaluate("tones", "held_out"), dan.evaluate(dan.load("tones"), "held_out")
    assert by_name.row("dan") == loaded.row("dan")


def test_a_table_prints_shows_itself_and_is_a_frame(here):
    table = dan.evaluate("tones", "held_out")
    title, head, *lines = str(table).splitlines()
    assert title.startswith("tones on held_out: 3 signals") and "SNR (dB)" in head
    assert [line.split()[0] for line in lines] == [row.name for row in table.rows]
    assert len({len(line) for line in lines}) == 1  # aligned
    html = table._repr_html_()
    assert html.count("<tr>") == len(table.rows) + 1 and f"<th>{table.rows[1].name}</th>" in html
    frame = table.to_frame()
    row = table.row("dan")
    assert frame.loc["dan", "snr_db"] == row.snr_db
    assert (frame.loc["dan", "snr_db_low"], frame.loc["dan", "snr_db_high"]) == row.interval_db["snr_db"]


def test_names_in_a_table_are_no_html(here):
    from dataclasses import replace

    table = replace(dan.evaluate("tones", "held_out"), model="<b>", data="a & b")
    assert "&lt;b&gt; on a &amp; b" in table._repr_html_() and "<b>" not in table._repr_html_()


def test_a_table_draws_every_row_with_its_interval(here):
    from matplotlib.figure import Figure

    table = dan.evaluate("tones", "held_out")
    axes = table.plot("snr_gain_db", axes=Figure().subplots())
    drawn = {bar.get_width() for bar in axes.patches}
    assert drawn == {row.snr_gain_db for row in table.rows} and axes.get_xlabel()
    with pytest.raises(DanError, match="figure=nonsense"):
        table.plot("nonsense")


def test_a_file_that_fails_is_an_error(here):
    with pytest.raises(DanError, match="no such file"):
        dan.denoise_file("nowhere.wav", "out.wav", model="tones")


def test_a_file_is_denoised_as_its_array_is(here, tmp_path):
    signal = np.random.default_rng(1).normal(0, 14, 1000)
    np.save(tmp_path / "a.npy", signal)
    chosen = {"model": "tones", "strength": 0.5, "resample": True}
    with pytest.warns(UserWarning, match="an RMS of") as told:
        path = dan.denoise_file(tmp_path / "a.npy", tmp_path / "b.npy", sample_rate=300, **chosen)
    with pytest.warns(UserWarning) as of_array:
        denoised = dan.denoise(signal, 300, **chosen)
    np.testing.assert_allclose(np.load(path), denoised, atol=1e-4)  # -100 dB
    (one,), (other,) = told, of_array
    assert str(one.message) == f"{tmp_path / 'a.npy'}: {other.message}"


@pytest.mark.parametrize("target", ["plain", "."])
def test_a_file_goes_into_a_file(here, target):
    with pytest.raises(DanError, match=target):
        dan.denoise_file("noisy.wav", target, model="tones-wide", force=True)
    assert not (here / "plain").exists()


def test_an_array_whose_rate_nobody_says_is_refused(here):
    np.save("bare.npy", np.ones(64, np.float32))
    signal, sample_rate = dan.read("bare.npy")
    with pytest.raises(ParameterError, match="sample_rate=None: nothing says"):
        dan.denoise(signal, sample_rate, model="tones-wide")


def test_a_wrong_argument_is_a_value_error_as_well():
    denoiser = dan.load("tones")
    with pytest.raises(ValueError, match="sample_rate") as raised:
        denoiser(np.zeros(8), sample_rate=-1)
    assert isinstance(raised.value, ParameterError) and isinstance(raised.value, DanError)
    with pytest.raises(DanError) as raised:
        dan.load("nonsense")
    assert not isinstance(raised.value, ValueError)


def test_training_goes_on_from_a_model(here):
    short = {"training.epochs": 1, "training.steps_per_epoch": 2, "data.validation_count": 8}
    tuned = dan.train("tones-wide", out="tuned", start="tones-wide", settings=short)
    fresh = dan.train("tones-wide", out="fresh", settings=short)
    assert tuned.history[-1]["val_snr_gain_db"] > 10 > fresh.history[-1]["val_snr_gain_db"]
