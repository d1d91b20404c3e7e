"""The manifest of a run: a line a file, wherever a run that writes it ends."""

import json

import pytest

from dan.cluster.manifest import Manifest
from dan.core.errors import DanError

RUN = {"manifest": 1, "model": "halving", "strength": 1.0}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_added_is_there_at_once_and_read_again(tmp_path):
    path = tmp_path / "deep" / "manifest.jsonl"
    with Manifest(path, RUN) as manifest:
        manifest.add("a.wav", "out/a.wav", "started")
        assert lines(path) == [RUN, {"path": "a.wav", "output": "out/a.wav", "status": "started"}]
        manifest.add("a.wav", "out/a.wav", "done", duration_s=1.5)
        manifest.add("b.wav", "out/b.wav", "started")
    with Manifest(path, RUN) as manifest:
        assert manifest.states == {("a.wav", "out/a.wav"): "done", ("b.wav", "out/b.wav"): "started"}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_costs_itself_alone(tmp_path, cut):
    path = tmp_path / "manifest.jsonl"
    with Manifest(path, RUN) as manifest:
        manifest.add("a.wav", "out/a.wav", "done")
        manifest.add("b.wav", "out/b.wav", "done")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with Manifest(path, RUN) as manifest:
        assert manifest.states == {("a.wav", "out/a.wav"): "done"}
        manifest.add("b.wav", "out/b.wav", "done")
    assert path.read_bytes() == whole


def test_a_torn_first_line_is_written_again(tmp_path):
    path = tmp_path / "manifest.jsonl"
    Manifest(path, RUN).__exit__(None, None, None)
    path.write_bytes(path.read_bytes()[:20])
    with Manifest(path, RUN) as manifest:
        assert not manifest.states
    assert lines(path) == [RUN]


def test_another_run_does_not_go_on_with_it(tmp_path):
    path = tmp_path / "manifest.jsonl"
    Manifest(path, RUN).__exit__(None, None, None)
    before = path.read_bytes()
    with pytest.raises(DanError, match=r"another run \(strength 1\.0 then, 0\.5 now\)"):
        Manifest(path, RUN | {"strength": 0.5})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["time,value\n0,1", "no line end", '{"other": 1}\n', "[1]\n"])
def test_what_is_no_manifest_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "manifest.jsonl"
    path.write_text(content)
    with pytest.raises(DanError, match=r"manifest\.jsonl: it"):
        Manifest(path, RUN)
    assert path.read_text() == content


def test_two_runs_do_not_write_to_one(tmp_path):
    with Manifest(tmp_path / "m", RUN), pytest.raises(DanError, match="another run is writing"):
        Manifest(tmp_path / "m", RUN)


@pytest.mark.parametrize("anew", [False, True])
def test_a_finished_run_is_begun_anew_where_that_is_asked_for(tmp_path, anew):
    path = tmp_path / "manifest.jsonl"
    with Manifest(path, RUN) as manifest:
        manifest.add("a.wav", "out/a.wav", "done")
    with Manifest(path, RUN, anew=True) as manifest:  # it was cut off: it goes on
        assert len(manifest.states) == 1
        manifest.finish()
    with Manifest(path, RUN, anew=anew) as manifest:
        assert len([state for state in manifest.states.values() if state == "done"]) == (0 if anew else 1)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DanError, match="cannot be written"):
        Manifest(tmp_path / "file" / "manifest.jsonl", RUN)
