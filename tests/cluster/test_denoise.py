"""An archive on a cluster of two nodes on this machine: what comes out is what the plain command writes."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.workflows import denoise as plain

ray = pytest.importorskip("ray", reason="the extra [cluster] is not installed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

from dan.cluster.denoise import denoise_files  # noqa: E402

RATE = 8000


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core."""
    from ray.cluster_utils import Cluster

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    node = {"num_cpus": 1, "object_store_memory": 2**27, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=node)
    started.add_node(num_cpus=1, object_store_memory=2**27)
    ray.init(started.address, log_to_driver=False, logging_level="ERROR")
    yield started
    ray.shutdown()
    started.shutdown()


@pytest.fixture
def halving(frame_denoiser):
    return frame_denoiser(half, segment_samples=80, rate=RATE)


def half(frames):
    return np.float32(0.5) * frames


def write(folder, count, *, seconds=0.1):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(count):
        steps = 2 * random.integers(-8000, 8000, round(RATE * seconds))
        soundfile.write(folder / f"{number:03}.wav", steps / 2**15, RATE, subtype="PCM_16")
    return folder


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix == ".wav"
    }


def lines(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def statuses(folder):
    return [line["status"] for line in lines(folder)[1:]]


def damaged(folder):
    """Recordings of which some cannot be read."""
    write(folder, 6)
    write(folder / "deep", 2)
    (folder / "001.wav").write_bytes(b"no audio at all, whatever its name says")
    (folder / "deep" / "001.wav").write_bytes((folder / "002.wav").read_bytes()[:300])
    (folder / "003.wav").write_bytes(b"")
    soundfile.write(folder / "004.wav", np.zeros(100), 2 * RATE)
    (folder / "notes.docx").write_bytes(b"x")
    return folder


def test_files_messages_and_failures_are_those_of_the_plain_command(cluster, halving, tmp_path):
    source = damaged(tmp_path / "in")
    expected = plain.denoise_files(halving, [source], out=tmp_path / "plain")
    report = denoise_files(halving, [source], out=tmp_path / "ray")
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain") and len(report.written) == 4
    names = [str(one.path).replace("/ray/", "/plain/") for one in report.written]
    assert names == [str(one.path) for one in expected.written]
    assert [one.duration_s for one in report.written] == [one.duration_s for one in expected.written]
    assert [str(error) for error in report.failures] == [str(error) for error in expected.failures]
    assert report.notes == expected.notes and "(.docx 1)" in report.notes[0]
    done = [line for line in lines(tmp_path / "ray")[1:] if line["status"] == "done"]
    assert sorted(line["path"] for line in done) == sorted(
        str(source / name) for name in contents(tmp_path / "ray")
    )
    assert all(line["duration_s"] == 0.1 and line["seconds"] > 0 and line["error"] is None for line in done)
    failed = {
        line["path"]: line["error"] for line in lines(tmp_path / "ray")[1:] if line["status"] == "failed"
    }
    assert sorted(failed.values()) == sorted(str(error) for error in expected.failures)


def test_what_is_done_is_not_computed_again(cluster, frame_denoiser, tmp_path):
    source, out = write(tmp_path / "in", 5), tmp_path / "out"
    counted = tmp_path / "counted"

    def counting(frames):
        with counted.open("a") as file:
            file.write("x")
        return np.float32(0.5) * frames

    denoiser = frame_denoiser(counting, segment_samples=800, rate=RATE)
    denoise_files(denoiser, [source], out=out)
    once, whole = len(counted.read_text()), contents(out)
    # Cut off: the line on 3 is torn, 4 is not even begun, 1 has lost its output, 2 was written and not noted.
    reported = (out / "manifest.jsonl").read_text().splitlines(keepends=True)
    kept = [reported[0], *(one for one in reported[1:] if "002.wav" not in one or "started" in one)]
    kept = [one for one in kept if not any(name in one for name in ("003.wav", "004.wav", "finished"))]
    kept.append(next(one for one in reported if "003.wav" in one)[:30])
    (out / "manifest.jsonl").write_text("".join(kept))
    for name in ("001.wav", "003.wav", "004.wav"):
        (out / name).unlink()
    report = denoise_files(denoiser, [source], out=out)
    assert sorted(Path(one.path).name for one in report.written) == ["001.wav", "003.wav", "004.wav"]
    assert report.notes == [f"{source / '000.wav'} and 1 more: done before, left as it is"]
    assert len(counted.read_text()) == once + 3 * once // 5 and contents(out) == whole
    report = denoise_files(denoiser, [source], out=out)
    assert not report.written and report.notes == [
        f"{source / '000.wav'} and 4 more: done before, left as it is"
    ]


def test_nothing_is_overwritten_without_force(cluster, halving, tmp_path):
    source, out = write(tmp_path / "in", 2), tmp_path / "out"
    out.mkdir()
    (out / "001.wav").write_bytes(b"mine")
    report = denoise_files(halving, [source], out=out)
    assert [str(error) for error in report.failures] == [
        f"{out / '001.wav'}: it exists already. Give another name, or overwrite it with --force."
    ]
    assert (out / "001.wav").read_bytes() == b"mine" and len(report.written) == 1
    report = denoise_files(halving, [source], out=out, skip_existing=True)
    assert "001.wav: written before, left as it is" in report.notes[1] and not report.failures
    report = denoise_files(halving, [source], out=out, force=True)
    assert len(report.written) == 2 and (out / "001.wav").read_bytes()[:4] == b"RIFF"


def test_a_worker_that_is_killed_costs_nothing(cluster, halving, frame_denoiser, tmp_path):
    source, marks = write(tmp_path / "in", 12), tmp_path / "marks"
    marks.mkdir()

    def killing(frames):
        """Die in the middle of a file, twice."""
        for number in range(2):
            try:
                (marks / str(number)).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass
        return np.float32(0.5) * frames

    report = denoise_files(
        frame_denoiser(killing, segment_samples=80, rate=RATE), [source], out=tmp_path / "out"
    )
    denoise_files(halving, [source], out=tmp_path / "alone", manifest=tmp_path / "alone.jsonl")
    assert len(report.written) == 12 and not report.failures and len([*marks.iterdir()]) == 2
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")
    assert statuses(tmp_path / "out").count("done") == 12
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *contents(tmp_path / "out"),
        "manifest.jsonl",
    }


def test_a_file_that_kills_its_workers_is_told(cluster, frame_denoiser, tmp_path, monkeypatch):
    monkeypatch.setattr("dan.cluster.tasks.LOST_WORKERS", 0)
    source = write(tmp_path / "in", 4)
    poison = soundfile.read(source / "002.wav", dtype="float32")[0][:20]

    def killing(frames):
        if np.array_equal(frames[0, :20], poison):
            os.kill(os.getpid(), signal.SIGKILL)
        return np.float32(0.5) * frames

    report = denoise_files(
        frame_denoiser(killing, segment_samples=80, rate=RATE), [source], out=tmp_path / "out"
    )
    assert len(report.written) == 3
    (error,) = report.failures
    assert error.what == str(source / "002.wav") and "its workers were lost (WorkerCrashedError" in error.rule
    assert [*contents(tmp_path / "out")] and "002.wav" not in contents(tmp_path / "out")


def test_a_node_that_dies_costs_nothing(cluster, halving, frame_denoiser, tmp_path):
    third = cluster.add_node(num_cpus=1, object_store_memory=2**27)
    source, mark, doomed = write(tmp_path / "in", 12), tmp_path / "mark", third.node_id

    def killing(frames):
        here = ray.get_runtime_context().get_node_id()
        while here != doomed and not mark.exists():  # what it has to do is not taken from it
            time.sleep(0.01)
        if here == doomed:
            mark.touch()
            os.kill(os.getppid(), signal.SIGKILL)  # the node's raylet
            os.kill(os.getpid(), signal.SIGKILL)
        return np.float32(0.5) * frames

    report = denoise_files(
        frame_denoiser(killing, segment_samples=80, rate=RATE), [source], out=tmp_path / "out"
    )
    denoise_files(halving, [source], out=tmp_path / "alone", manifest=tmp_path / "alone.jsonl")
    cluster.remove_node(third)
    assert mark.exists() and len(report.written) == 12 and not report.failures
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")


def test_a_failure_of_the_work_itself_is_told(cluster, frame_denoiser, tmp_path):
    def broken(frames):
        raise ZeroDivisionError("by chance")

    source = write(tmp_path / "in", 2)
    report = denoise_files(
        frame_denoiser(broken, segment_samples=80, rate=RATE), [source], out=tmp_path / "out"
    )
    assert [error.rule for error in report.failures] == [
        "the work on it failed (ZeroDivisionError: by chance)"
    ] * 2
    assert contents(tmp_path / "out") == {}


def test_addresses_come_and_go(cluster, halving, tmp_path):
    fs = pytest.importorskip("fsspec").filesystem("memory")
    fs.store.clear()
    source = write(tmp_path / "in", 3)
    plain.denoise_files(halving, [source], out=tmp_path / "plain")
    for file in source.iterdir():
        fs.pipe(f"/in/deep/{file.name}", file.read_bytes())
    fs.pipe("/in/bad.wav", b"no audio")
    account = tmp_path / "m.jsonl"
    report = denoise_files(halving, ["memory://in"], out="memory://out", manifest=account)
    assert [one.path for one in report.written] == [f"memory:///out/deep/{n:03}.wav" for n in range(3)]
    assert [error.what for error in report.failures] == ["memory:///in/bad.wav"]
    there = {name.removeprefix("/out/deep/"): fs.cat_file(name) for name in fs.find("/out")}
    assert there == contents(tmp_path / "plain")
    report = denoise_files(halving, ["memory://in"], out="memory://out", manifest=account)
    assert not report.written and "done before" in report.notes[0]
    report = denoise_files(halving, ["memory://in/deep"], out=tmp_path / "here")
    assert contents(tmp_path / "here") == there and len(report.written) == 3
    report = denoise_files(halving, [source / "001.wav"], out="memory://one/x.wav", manifest=tmp_path / "n")
    assert fs.cat_file("/one/x.wav") == there["001.wav"]
    fs.store.clear()


# What is wrong is told before a cluster is looked for


@pytest.fixture
def no_cluster(monkeypatch):
    monkeypatch.setattr(
        "dan.cluster.denoise.connected", lambda *_, **__: pytest.fail("a cluster was asked for")
    )


def test_two_of_one_name_are_refused(no_cluster, halving, tmp_path):
    one, two = write(tmp_path / "one", 1), write(tmp_path / "two", 1)
    with pytest.raises(DanError, match=r"both would be .*out/000\.wav"):
        denoise_files(halving, [one / "000.wav", two / "000.wav"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["path", "address"])
def test_an_input_is_not_its_own_target(no_cluster, halving, tmp_path, kind):
    source = write(tmp_path / "in", 1)
    out = source if kind == "path" else f"file://{source}"
    before = contents(tmp_path)
    with pytest.raises(DanError, match="one of the inputs"):
        denoise_files(halving, [source], out=out, force=True)
    assert contents(tmp_path) == before and [*source.iterdir()] == [source / "000.wav"]


def test_an_input_at_an_address_is_not_its_own_target(no_cluster, halving, tmp_path):
    fs = pytest.importorskip("fsspec").filesystem("memory")
    fs.pipe("/in/a.wav", b"x")
    with pytest.raises(DanError, match="one of the inputs"):
        denoise_files(halving, ["memory://in"], out="memory://in/", manifest=tmp_path / "m", force=True)
    with pytest.raises(DanError, match="Give -o"):
        denoise_files(halving, ["memory://in"], manifest=tmp_path / "m")


def test_outputs_within_the_folder_of_the_inputs_are_no_inputs(cluster, halving, tmp_path):
    source = write(tmp_path / "in", 2)
    for _ in range(2):
        report = denoise_files(halving, [source], out=source / "out")
        assert any(note.endswith(f"{source / 'out'}, where outputs go") for note in report.notes)
    assert not report.written and len(contents(source / "out")) == 2


def test_outputs_at_an_address_within_that_of_the_inputs_are_no_inputs(no_cluster, halving, tmp_path):
    fs = pytest.importorskip("fsspec").filesystem("memory")
    fs.store.clear()
    for name in ("a.wav", "out/a.wav"):
        fs.pipe(f"/in/{name}", b"x")
    given, options = ["memory://in"], {"manifest": tmp_path / "m", "skip_existing": True}
    report = denoise_files(halving, given, out="memory://in/out", **options)
    assert report.notes == [
        "memory:///in: left out: memory:///in/out, where outputs go",
        "memory:///in/a.wav: written before, left as it is",
    ]
    fs.rm("/in/a.wav")
    with pytest.raises(DanError, match="holds no recordings outside"):
        denoise_files(halving, given, out="memory://in/out", **options)
    fs.store.clear()


@pytest.mark.parametrize("names", [("-", "out"), ("a.wav", "-")])
def test_pipes_are_not_for_ray(no_cluster, halving, tmp_path, monkeypatch, names):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DanError, match="leave out --ray"):
        denoise_files(halving, [names[0]], out=names[1])
    assert [*tmp_path.iterdir()] == []


def test_another_model_does_not_go_on_with_a_manifest(no_cluster, halving, tmp_path):
    source, out = write(tmp_path / "in", 1), tmp_path / "out"
    out.mkdir()
    (out / "manifest.jsonl").write_text('{"manifest": 1, "model": "other"}\n')
    with pytest.raises(
        DanError, match=r"manifest\.jsonl: it tells of another run \(model other then, tiny now"
    ):
        denoise_files(halving, [source], out=out)
    assert contents(out) == {}


def test_several_inputs_take_an_output_folder(no_cluster, halving, tmp_path):
    source = write(tmp_path / "in", 2)
    with pytest.raises(DanError, match="Give -o a folder"):
        denoise_files(halving, [source / "000.wav", source / "001.wav"])


def test_a_cluster_that_does_not_answer_is_named(monkeypatch, halving, tmp_path):
    monkeypatch.setattr("ray.is_initialized", lambda: False)

    def refused(*_, **__):
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr("ray.init", refused)
    with pytest.raises(DanError, match=r"--ray auto: no Ray cluster answers there \(Could not find"):
        denoise_files(halving, [write(tmp_path / "in", 1)], out=tmp_path / "out", address="auto")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_an_address_where_nobody_listens_is_named_at_once(monkeypatch, halving, tmp_path, address):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(DanError, match=r":1: no Ray cluster answers there \(.*refused"):
        denoise_files(halving, [write(tmp_path / "in", 1)], out=tmp_path / "out", address=address)
