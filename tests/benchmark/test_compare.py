"""The comparison with peers: quality is scored, costs are of what they say, who fails has a reason."""

import importlib.util
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dan.benchmark import compare as module
from dan.benchmark import peers, trials
from dan.benchmark.compare import benchmark, compare
from dan.benchmark.page import cells, to_markdown
from dan.benchmark.peers import LoadedPeer, Peer
from dan.benchmark.results import Benchmark, read_benchmark
from dan.benchmark.startup import Start, start
from dan.benchmark.timing import Spread, in_turns, one_core, spread
from dan.benchmark.tradeoff_plot import plot_tradeoff
from dan.benchmark.trials import Trial, drawn, from_folder, from_recordings
from dan.cli import main as cli
from dan.cli.bench import _show
from dan.config import SignalSettings
from dan.core.errors import DanError
from dan.evaluation.baselines import Baselines
from dan.metrics import general as metrics
from dan.report.style import figure_png

RATE_HZ = 64.0
RNG = np.random.default_rng(11)


def wait(seconds, output):
    def whole(signal):
        time.sleep(seconds)
        return output(signal)

    return whole


def failing(signal):
    raise ValueError("too short\nand more")


FAKES = {
    "half": LoadedPeer(wait(0.0, lambda signal: signal / 2)),
    "slow": LoadedPeer(
        wait(0.02, lambda signal: signal - signal.mean()),
        stream=lambda: wait(0.004, lambda block: block),
        hop_length=160,
        latency_samples=32,
    ),
    "failing": LoadedPeer(failing),
    "shorter": LoadedPeer(lambda signal: signal[1:]),
    "endless": LoadedPeer(lambda signal: signal * np.float32(np.inf)),
}


@pytest.fixture
def fakes(monkeypatch):
    """Peers that are functions; a process that starts them is not started."""
    for kind, opened in FAKES.items():
        monkeypatch.setitem(peers.OPENERS, kind, lambda file, rate_hz, opened=opened: opened)
    monkeypatch.setattr(module, "start", lambda peer, **given: Start(len(peer.name) / 10, 1000))
    return [Peer(kind, kind) for kind in FAKES]


@pytest.fixture
def trial():
    clean = [RNG.standard_normal(64).astype(np.float32) for _ in range(5)]
    mixed = [one + np.float32(0.5) for one in clean]
    return Trial("five signals", clean, mixed, RATE_HZ, "other", Baselines())


def test_quality_and_cost_are_of_what_they_say(fakes, trial, reported):
    made = compare(fakes, trial, turns=3)
    noisy, half, slow = made.entries
    assert [noisy.name, half.name, slow.name] == ["noisy", "half", "slow"]
    clean, mixed = np.stack(trial.clean), np.stack(trial.mixed)
    own = metrics.si_sdr_gain_db(
        estimate=mixed - mixed.mean(axis=-1, keepdims=True), noisy=mixed, reference=clean
    )
    assert slow.quality.si_sdr_gain_db == pytest.approx(own.mean(), abs=1e-5)
    assert half.quality.si_sdr_gain_db == pytest.approx(0, abs=1e-6)  # it does not see the level
    low_db, high_db = slow.quality.interval_db
    assert low_db <= slow.quality.si_sdr_gain_db <= high_db
    # 10 s in one call of at least 20 ms, and in four blocks of at least 4 ms each.
    assert slow.cost.whole_rtf.low >= 0.002 and slow.cost.streamed_rtf.low >= 0.0016
    assert slow.cost.whole_rtf.low <= slow.cost.whole_rtf.median <= slow.cost.whole_rtf.high
    assert half.cost.streamed_rtf is None and half.cost.whole_rtf.median < slow.cost.whole_rtf.median
    assert (slow.cost.hop_ms, slow.cost.latency_ms) == (2500, 500)
    assert noisy.cost.whole_rtf is None and half.cost.first_sample_s == Spread(0.4, 0.4, 0.4)
    assert list(reported) == ["Denoising", "Scoring", "Speed", "Starts"]
    assert all(shares[-1] == 1 for shares in reported.values())


def test_who_fails_is_left_out_with_the_reason(fakes, trial):
    notes = compare([*fakes, Peer("r", "rnnoise")], trial, turns=1).notes
    assert notes["failing"] == "it failed with ValueError: too short"
    assert "64" in notes["shorter"] and "not finite" in notes["endless"] and "speech" in notes["r"]


def test_filters_are_set_by_what_is_known(fakes, trial):
    told = Trial(
        trial.words,
        trial.clean,
        trial.mixed,
        RATE_HZ,
        "other",
        Baselines({"half": lambda stack: stack - 0.5}),
    )
    half = compare(fakes[:1], told, turns=1).entries[1]
    assert half.quality.si_sdr_gain_db > 60  # what float32 leaves of an offset of 0.5


def test_turns_are_interleaved_and_the_first_does_not_count():
    order = []
    measures = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    assert in_turns(measures, turns=2) == {"a": [3, 5], "b": [4, 6]}
    assert order == list("ababab") and spread([3, 1, 2]) == Spread(2, 1, 3)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="binds no process to a core")
def test_one_core_is_one_and_is_given_back():
    before = os.sched_getaffinity(0)
    with pytest.raises(RuntimeError), one_core():
        assert len(os.sched_getaffinity(0)) == 1
        raise RuntimeError
    assert os.sched_getaffinity(0) == before


def test_a_process_is_started_and_its_memory_is_its_own():
    ballast = np.ones(25_000_000)  # 200 MB of this process, which are not the other's
    one = start(Peer("noisy", "noisy"), sample_rate_hz=RATE_HZ, samples=64)
    assert 0 < one.seconds < 60 and 5e6 < one.memory_bytes < 150e6 < ballast.nbytes


def test_a_process_that_fails_says_why():
    with pytest.raises(DanError, match=r"with t.*256 Hz"):
        start(Peer("t", "dan", "tones"), sample_rate_hz=RATE_HZ, samples=64)


def test_draws_are_those_of_no_data_folder(tiny, tmp_path, write_data):
    recipe = tiny()
    one, other = drawn(recipe, count=3), drawn(recipe, count=3)
    np.testing.assert_array_equal(one.mixed, other.mixed)
    made = from_folder(write_data(recipe, tmp_path / "data"), count=3)
    assert len(made.clean) == 3 and made.sample_rate_hz == RATE_HZ
    assert not np.isclose(one.clean[0], made.clean[0]).all()
    assert {"wiener", "wavelet"} <= one.filters.rows.keys() & made.filters.rows.keys()


def test_recordings_are_mixed_on_the_spot(tmp_path):
    for folder in ("clean", "noise"):
        for number in range(4):
            (tmp_path / folder / f"of_{number}").mkdir(parents=True)
            signal = RNG.standard_normal(3000).astype(np.float32)
            np.save(tmp_path / folder / f"of_{number}" / "one.npy", signal)
    made = from_recordings(tmp_path / "clean", tmp_path / "noise", sample_rate_hz=100, count=3, kind="ecg")
    assert len(made.mixed) == 3 and made.kind == "ecg" and len(made.mixed[0]) == 400
    snr_db = metrics.snr_db(estimate=np.stack(made.mixed), reference=np.stack(made.clean))
    assert (snr_db > -5.1).all() and (snr_db < 10.1).all()  # to float32's rounding


@pytest.fixture
def made(fakes, trial):
    compared = compare(fakes[:3], trial, turns=1)
    return Benchmark((compared,), {"processor": "abacus"}, 1, "dan bench")


def test_json_holds_it_all(made, tmp_path):
    (tmp_path / "made.json").write_text(made.to_json())
    assert read_benchmark(tmp_path / "made.json") == made
    assert json.loads(made.to_json())["comparisons"][0]["entries"][2]["cost"]["hop_ms"] == 2500
    (tmp_path / "wrong.json").write_text("{}")
    with pytest.raises(DanError, match="holds no benchmark"):
        read_benchmark(tmp_path / "wrong.json")


def test_the_page_says_figures_machine_command_and_reasons(made):
    page = to_markdown(made, pictures=["images/one.png"])
    for said in ("| slow |", "abacus", "`dan bench`", "too short", "(images/one.png)", "| 2500 |"):
        assert said in page
    head, lines = cells(made.comparisons[0], brief=True)
    assert all(len(line) == len(head) for line in lines) and "(" not in "".join(map("".join, lines))


def test_the_picture_has_every_peer_and_the_level_of_the_input(made):
    figure = plot_tradeoff(made.comparisons[0])
    assert {text.get_text() for text in figure.axes[0].texts} == {"half", "slow", "noisy"}
    noisy = made.comparisons[0].entries[0].quality.si_sdr_gain_db
    assert any(
        line.get_linestyle() == "--" and set(line.get_ydata()) == {noisy} for line in figure.axes[0].lines
    )
    assert figure_png(figure).startswith(b"\x89PNG")
    nothing = made.comparisons[0].entries[:1]
    with pytest.raises(DanError, match="0 peers"):
        plot_tradeoff(module.replace(made.comparisons[0], entries=nothing))


def test_models_are_compared_on_their_own_signals(fakes, monkeypatch):
    monkeypatch.setattr(module, "usual_peers", lambda: [Peer("half", "half")])
    found = benchmark(["tones"], count=2, turns=1, command="dan bench")
    (compared,) = found.comparisons
    assert [entry.name for entry in compared.entries] == ["noisy", "tones", "half"]
    assert compared.entries[1].is_dan and compared.entries[1].cost.size_bytes > 10_000
    assert found.machine["numpy"] == np.__version__ and compared.kind == "tones"


def test_the_command_shows_and_writes_it_all(fakes, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(module, "usual_peers", lambda: [Peer("half", "half"), Peer("failing", "failing")])
    files = {"--json": "made.json", "--markdown": "made.md", "--plot": "plots"}
    written = [word for option, name in files.items() for word in (option, str(tmp_path / name))]
    line = ["dan", "bench", "--models", "tones", "--count", "2", "--turns", "1", *written]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (
        not ended.value.code
        and "DAN tones" in said.out
        and said.err == "Without failing (it failed with ValueError: too short).\n"
    )
    found = read_benchmark(tmp_path / "made.json")
    assert found.command == " ".join(line)
    page = to_markdown(found, pictures=["plots/comparison_1.png"])
    assert (tmp_path / "made.md").read_text() == page
    assert (tmp_path / "plots" / "comparison_1.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1 and "--force" in capsys.readouterr().err


def test_a_row_that_no_table_has_is_named_once_below_them(made, capsys):
    (one,) = made.comparisons
    other = replace(one, signals="others", notes=one.notes | {"late": "there is none"})
    both = replace(made, comparisons=(one, other))
    _show(both)
    assert capsys.readouterr().err.splitlines() == [
        "Without late (there is none).",
        "All without failing (it failed with ValueError: too short).",
    ]
    page = to_markdown(both)
    assert page.count("no row failing") == page.count("no row late") == 1
    assert page.index("no row late") < page.index("no row failing") < page.index("Quality: means")


def test_wrong_settings_are_refused(tmp_path):
    both = {"data": tmp_path, "clean": tmp_path, "noise": tmp_path}
    for given, said in (
        ({"count": 0}, "count=0"),
        ({"turns": 0}, "turns=0"),
        ({"clean": tmp_path}, "--noise"),
        (both, "--data"),
        ({"data": tmp_path}, str(tmp_path)),
    ):
        with pytest.raises(DanError, match=said):
            benchmark(["tones"], **given)
    (tmp_path / "peer.toml").write_text("[state")
    with pytest.raises(DanError, match="no TOML"):  # before the folder is read
        benchmark(["tones"], peers=[str(tmp_path / "peer.toml")], data=tmp_path / "nowhere")
    with pytest.raises(DanError, match="twice"):
        benchmark(["tones", "tones"])
    with pytest.raises(DanError, match="model nonsense"):
        benchmark(["nonsense"])


def test_the_kind_is_what_a_model_file_says(card):
    speech = card(signal=SignalSettings(kind="speech"))
    assert trials.kind_of([card(), speech]) == "speech"
    assert trials.kind_of([card()]) == "other"


def test_the_page_of_benchmarks_is_up_to_date():
    docs = Path(__file__).parents[2] / "docs"
    spec = importlib.util.spec_from_file_location("make_benchmarks", docs / "make_benchmarks.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.files(), "the measurements that the page is made from are in docs/benchmarks"
    page = (docs / "benchmarks.md").read_text(encoding="utf-8")
    assert page == maker.render(), "python docs/make_benchmarks.py brings it up to date"


def test_who_fails_while_it_is_timed_is_left_out_with_the_reason(fakes, trial, monkeypatch):
    def short(signal):
        if len(signal) > 64:
            raise ValueError("64 samples at most")
        return signal

    def begin(peer, **given):
        if peer.name == "late":
            raise DanError("a process with late", "it failed (it was ended)", "Open it by itself")
        return Start(1.0, 1000)

    opened = {"short": LoadedPeer(short), "late": LoadedPeer(lambda signal: signal)}
    opened["hops"] = LoadedPeer(lambda signal: signal, stream=lambda: failing, hop_length=16)
    for kind, one in opened.items():
        monkeypatch.setitem(peers.OPENERS, kind, lambda file, rate_hz, one=one: one)
    monkeypatch.setattr(module, "start", begin)
    made = compare([*[Peer(kind, kind) for kind in opened], fakes[0]], trial, turns=2)
    assert [entry.name for entry in made.entries] == ["noisy", "half"]
    assert made.notes == {
        "short": "it failed with ValueError: 64 samples at most",
        "hops": "it failed with ValueError: too short",
        "late": "a process with late: it failed (it was ended)",
    }


def test_a_dnsmos_that_is_not_there_is_told_before_the_work(fakes, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_trials", lambda *_, **__: pytest.fail("too late"))
    with pytest.raises(DanError, match=r"nope\.onnx: there is no such file"):
        benchmark(["tones"], count=2, dnsmos=tmp_path / "nope.onnx")
