"""Files and folders: where the denoised ones go, how they are stored, and what becomes of those that fail."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import wfdb

from dan.core.errors import DanError
from dan.inference.denoiser import load
from dan.workflows.denoise import Written, denoise_files, plan, together

RATE = 8000


@pytest.fixture
def halving(frame_denoiser):
    """A denoiser that halves, so that what comes out is known."""
    return frame_denoiser(lambda frames: np.float32(0.5) * frames, segment_samples=80, rate=RATE)


def write(path, subtype="PCM_16", rate=RATE, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = 2 * np.random.default_rng(0).integers(-8000, 8000, (300, channels))  # halved they are whole steps
    soundfile.write(path, steps / 2**15, rate, subtype=subtype)
    return path


def samples(path):
    return soundfile.read(path)[0]


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Where they go


@pytest.mark.parametrize(
    ("inputs", "out", "targets"),
    [
        (["a.wav"], None, ["a_denoised.wav"]),
        (["a.wav", "b/c.npy"], None, ["a_denoised.wav", "b/c_denoised.npy"]),
        (["a.wav"], "x.flac", ["x.flac"]),
        (["a.wav"], "x", ["x/a.wav"]),
        (["a.wav"], "b", ["b/a.wav"]),
        (["a.wav", "b/c.npy"], "x", ["x/a.wav", "x/c.npy"]),
        (["b"], None, ["b_denoised/c.npy", "b_denoised/deep/d.FLAC"]),
        (["b"], "x", ["x/c.npy", "x/deep/d.FLAC"]),
        (["b", "a.wav"], "x", ["x/c.npy", "x/deep/d.FLAC", "x/a.wav"]),
        (["a.wav", "a.wav"], "x", ["x/a.wav"]),
    ],
)
def test_targets(tmp_path, monkeypatch, inputs, out, targets):
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b/c.npy", "b/deep/d.FLAC", "b/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    planned = plan([Path(name) for name in inputs], out and Path(out))
    assert [*planned.values()] == [Path(target) for target in targets]


def test_the_folder_one_stands_in(tmp_path, monkeypatch):
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "a.wav").touch()
    monkeypatch.chdir(tmp_path / "rec")
    (target,) = plan([Path()], None).values()
    assert target.resolve() == tmp_path / "rec_denoised" / "a.wav"


def test_two_of_one_name_are_refused_before_anything_is_written(tmp_path, halving):
    inputs = [write(tmp_path / "one" / "a.wav"), write(tmp_path / "two" / "a.wav")]
    with pytest.raises(DanError, match=r"one/a\.wav and .*two/a\.wav: both would be .*out/a\.wav"):
        denoise_files(halving, inputs, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_input_is_never_anothers_target(tmp_path, halving):
    inputs = [write(tmp_path / "a.wav"), write(tmp_path / "a_denoised.wav")]
    before = contents(tmp_path)
    with pytest.raises(DanError):
        denoise_files(halving, inputs, force=True)
    assert contents(tmp_path) == before


def test_outputs_within_the_folder_of_the_inputs_are_no_inputs(tmp_path, halving):
    write(tmp_path / "a.wav")
    write(tmp_path / "deep" / "b.wav")
    out = tmp_path / "deep" / "out"
    first = denoise_files(halving, [tmp_path], out=out)
    assert sorted(contents(out)) == [Path("a.wav"), Path("deep/b.wav")]
    assert first.notes == [f"{tmp_path}: left out: {out}, where outputs go"]
    again = denoise_files(halving, [tmp_path], out=out, skip_existing=True)
    assert not again.written and any("1 more: written before" in note for note in again.notes)
    write(tmp_path / "only" / "out" / "c.wav")
    with pytest.raises(DanError, match=r"holds no recordings outside .*out, where outputs go"):
        denoise_files(halving, [tmp_path / "only"], out=tmp_path / "only" / "out")
    with pytest.raises(DanError, match="one of the inputs"):  # they are asked for by name
        denoise_files(halving, [out], out=out)


def test_a_folder_without_recordings_is_named(tmp_path, halving):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DanError, match=r"holds no recordings.*\.flac.*\.npy.*\.wav"):
        denoise_files(halving, [tmp_path])


def test_an_input_that_does_not_exist_is_raised(tmp_path, halving):
    with pytest.raises(DanError, match="no such file"):
        denoise_files(halving, [tmp_path / "nowhere.wav"])


@pytest.mark.parametrize("name", ["nowhere.wav", "x" * 300])
def test_nothing_is_done_where_an_input_does_not_exist(tmp_path, halving, name):
    source = write(tmp_path / "a.wav")
    with pytest.raises(DanError, match="no such file"):
        denoise_files(halving, [source, tmp_path / name])
    assert [*tmp_path.iterdir()] == [source]


def test_a_record_of_wfdb_is_given_by_its_header(tmp_path, halving):
    for name in ("100.hea", "100.dat"):
        (tmp_path / name).write_bytes(b"100 1 360 10")
    with pytest.raises(DanError, match=r"no such file or folder\. Give .*100\.hea"):
        denoise_files(halving, [tmp_path / "100"])
    (failure,) = denoise_files(halving, [tmp_path / "100.dat"]).failures
    assert "samples of a WFDB record alone" in str(failure) and str(tmp_path / "100.hea") in str(failure)


def test_an_input_is_not_its_own_target(tmp_path, halving):
    source = write(tmp_path / "a.wav")
    before = contents(tmp_path)
    for out in (source, tmp_path):
        with pytest.raises(DanError, match="one of the inputs"):
            denoise_files(halving, [source], out=out, force=True)
    assert contents(tmp_path) == before


# What is written


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_keeps_its_encoding_rate_and_channels(tmp_path, halving, subtype, channels):
    source = write(tmp_path / "a.wav", subtype, channels=channels)
    report = denoise_files(halving, [source])
    (written,) = report.written
    info = soundfile.info(written.path)
    assert (info.subtype, info.samplerate, info.channels, info.frames) == (subtype, RATE, channels, 300)
    assert written.clipped_samples == 0 and not report.failures
    assert np.array_equal(samples(written.path), samples(source) / 2)


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(300,), (2, 300)])
def test_arrays_keep_their_dtype_and_shape(tmp_path, halving, dtype, shape):
    given = 2 * np.random.default_rng(0).integers(-8000, 8000, shape).astype(dtype)
    np.save(tmp_path / "a.npy", given)
    denoise_files(halving, [tmp_path / "a.npy"], sample_rate_hz=RATE)
    denoised = np.load(tmp_path / "a_denoised.npy")
    assert denoised.dtype == dtype and np.array_equal(denoised, given / 2)


def test_one_file_over_several_cores_is_that_of_one(tmp_path, monkeypatch):
    """Also at another rate, with missing samples, and of two channels."""
    monkeypatch.setattr("dan.inference.recording.BLOCK_VALUES", 2**13)
    monkeypatch.setattr("dan.inference.ahead.PIECE_MEMORIES", (1, 1))
    signal = np.random.default_rng(0).standard_normal((2, 90_000)).astype(np.float32)
    signal[0, 20_000:21_000] = np.nan
    signal[1] += 30
    signal[1, 40_000:40_050] = 0  # a packet that is lost
    np.save(tmp_path / "a.npy", signal)
    written = []
    for cores in (1, 3):
        report = denoise_files(
            load("ecg-360"),
            [tmp_path / "a.npy"],
            out=tmp_path / f"{cores}.npy",
            sample_rate_hz=500,
            resample=True,
            jobs=cores,
        )
        assert "1000 missing samples" in report.notes[0] and "50 samples of exactly 0" in report.notes[1]
        assert not report.failures
        written.append((tmp_path / f"{cores}.npy").read_bytes())
    assert written[0] == written[1]
    denoised = np.load(tmp_path / "1.npy")[1]
    assert not denoised[40_000:40_050].any() and abs(denoised).min(where=signal[1] != 0, initial=30) > 20


def test_clipped_samples_are_counted(tmp_path, frame_denoiser):
    amplifying = frame_denoiser(lambda frames: 4 * frames, segment_samples=80, rate=RATE)
    source = write(tmp_path / "a.wav")
    (written,) = denoise_files(amplifying, [source]).written
    expected = 4 * samples(source)
    assert written.clipped_samples == np.sum((expected > 1 - 2**-15) | (expected < -1)) > 0
    assert np.array_equal(samples(written.path), np.clip(expected, -1, 1 - 2**-15))


@pytest.mark.parametrize(("strength", "factor"), [(0.0, 1.0), (0.5, 0.75), (1.0, 0.5)])
def test_strength(tmp_path, halving, strength, factor):
    source = write(tmp_path / "a.wav", "DOUBLE")
    (written,) = denoise_files(halving, [source], strength=strength).written
    # The network works in float32: 1e-7 of each sample.
    np.testing.assert_allclose(samples(written.path), factor * samples(source), rtol=1e-6)


@pytest.mark.parametrize(("suffix", "subtype"), [(".mp3", None), (".ogg", None), (".wav", "MS_ADPCM")])
def test_a_lossy_file_at_strength_0_is_not_encoded_anew(tmp_path, halving, suffix, subtype):
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    soundfile.write(source, 0.1 * np.random.default_rng(0).standard_normal(24_000), 8000, subtype)
    report = denoise_files(halving, [source], out=target, strength=0.0, resample=True)
    assert [written.path for written in report.written] == [target]
    assert target.read_bytes() == source.read_bytes()
    assert denoise_files(halving, [source], out=target, strength=0.0, resample=True).failures  # no --force


def test_a_folder_is_mirrored(tmp_path, halving):
    for name in ("a.wav", "deep/b.flac", "deep/er/c.wav"):
        write(tmp_path / "rec" / name)
    (tmp_path / "rec" / "notes.txt").write_text("no recording")
    before = contents(tmp_path / "rec")
    report = denoise_files(halving, [tmp_path / "rec"], out=tmp_path / "out")
    assert {str(path) for path in contents(tmp_path / "out")} == {"a.wav", "deep/b.flac", "deep/er/c.wav"}
    assert [written.path for written in report.written] == sorted(
        tmp_path / "out" / name for name in ("a.wav", "deep/b.flac", "deep/er/c.wav")
    )
    assert contents(tmp_path / "rec") == before


# What fails


def test_failures_are_collected_and_the_rest_done(tmp_path, halving, reported):
    write(tmp_path / "rec" / "good.wav")
    write(tmp_path / "rec" / "rate.wav", rate=RATE * 2)
    (tmp_path / "rec" / "text.wav").write_text("no recording")
    (tmp_path / "rec" / "empty.wav").touch()
    np.save(tmp_path / "rec" / "array.npy", np.zeros(10))
    np.save(tmp_path / "rec" / "nan.npy", np.full(10, np.nan))
    report = denoise_files(halving, [tmp_path / "rec"], out=tmp_path / "out")
    assert [written.path.name for written in report.written] == ["good.wav"]
    assert {str(path) for path in contents(tmp_path / "out")} == {"good.wav"}
    message = {Path(str(error).split(": ")[0].split(" ")[0]).name: str(error) for error in report.failures}
    assert message.keys() == {"rate.wav", "text.wav", "empty.wav", "array.npy", "nan.npy"}
    assert "sample_rate=16000" in message["rate.wav"] and "--resample" in message["rate.wav"]
    assert (
        "does not say its sample rate" in message["array.npy"]
        and "--sample-rate 8000" in message["array.npy"]
    )
    shares = reported["Denoising"]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert set(np.round(np.arange(1, 7) / 6, 6)) <= set(np.round(shares, 6))


def test_who_failed_for_one_reason_is_told_together():
    given = [DanError("a", "late", "Hurry"), DanError("b", "late", "Wait"), DanError("c", "late", "Hurry")]
    assert [str(error) for error in together(given)] == ["a, c: late. Hurry.", "b: late. Wait."]
    many = [DanError(number, "late", "Hurry") for number in range(40)]
    assert [str(error) for error in together(many)] == ["0, 1, 2 and 37 more: late. Hurry."]


def test_what_exists_is_not_overwritten_but_by_force(tmp_path, halving):
    source = write(tmp_path / "a.wav")
    (tmp_path / "a_denoised.wav").write_text("mine")
    (failure,) = denoise_files(halving, [source]).failures
    assert "a_denoised.wav: it exists already" in str(failure) and "--force" in str(failure)
    assert (tmp_path / "a_denoised.wav").read_text() == "mine"
    (written,) = denoise_files(halving, [source], force=True).written
    assert np.array_equal(samples(written.path), samples(source) / 2)


@pytest.mark.parametrize("option", [{"strength": 2.0}, {"sample_rate_hz": -1.0}])
def test_an_option_that_is_wrong_is_said_once_and_nothing_is_written(tmp_path, halving, option):
    files = [write(tmp_path / name) for name in ("a.wav", "b.wav")]
    with pytest.raises(DanError, match=next(iter(option))):
        denoise_files(halving, files, **option)
    assert len(contents(tmp_path)) == 2


def test_what_is_left_out_of_a_folder_is_said_in_one_line(tmp_path, halving):
    write(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "notes.csv").write_text("x\n1\n2\n")
    for name in ("b.m4", "c.m4", ".hidden.wav"):
        (tmp_path / "in" / name).touch()
    (tmp_path / "in" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (note,) = denoise_files(halving, [tmp_path / "in"], out=tmp_path / "out").notes
    assert note.startswith(f"{tmp_path / 'in'}: left out: 1 table ") and "\n" not in note
    for message in ("notes.csv", ".m4 2", "1 link that leads nowhere (gone.wav)", "1 hidden (.hidden.wav)"):
        assert message in note


# Runs that are broken off, and several files at once


def test_what_was_written_before_is_left_as_it_is(tmp_path, halving):
    for name in ("a.wav", "b.wav", "c.wav"):
        write(tmp_path / "in" / name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.wav").write_text("mine")
    report = denoise_files(halving, [tmp_path / "in"], out=tmp_path / "out", skip_existing=True)
    assert [one.path.name for one in report.written] == ["a.wav", "c.wav"] and not report.failures
    assert (tmp_path / "out" / "b.wav").read_text() == "mine"
    assert report.notes == [f"{tmp_path / 'in' / 'b.wav'}: written before, left as it is"]
    with pytest.raises(DanError, match="--force and --skip-existing"):
        denoise_files(halving, [tmp_path / "in"], skip_existing=True, force=True)


@pytest.mark.parametrize("jobs", [None, 1, 3, 20])
def test_several_files_at_once_are_written_alike(tmp_path, halving, jobs):
    for number in range(7):
        write(tmp_path / "in" / f"{number}.wav", rate=RATE if number != 4 else 2 * RATE)
    report = denoise_files(halving, [tmp_path / "in"], out=tmp_path / "out", jobs=jobs)
    assert [one.path.stem for one in report.written] == list("012356") and len(report.failures) == 1
    for one in report.written:
        assert np.array_equal(samples(one.path), samples(tmp_path / "in" / one.path.name) / 2)


def test_all_files_stop_together(tmp_path, frame_denoiser):
    def stopping(frames):
        raise KeyboardInterrupt

    denoiser = frame_denoiser(stopping, segment_samples=80, rate=RATE)
    for number in range(6):
        write(tmp_path / "in" / f"{number}.wav")
    with pytest.raises(KeyboardInterrupt):
        denoise_files(denoiser, [tmp_path / "in"], out=tmp_path / "out", jobs=2)
    assert not contents(tmp_path / "out")


# Pipes


class Stdio:
    """Stands for stdin or stdout."""

    def __init__(self, file):
        self.buffer = file


@pytest.mark.parametrize(
    ("suffix", "subtype"), [(".wav", "PCM_16"), (".flac", "PCM_16"), (".aiff", "PCM_24")]
)
def test_a_recording_through_stdin_and_stdout(tmp_path, halving, monkeypatch, suffix, subtype):
    source = write(tmp_path / f"a{suffix}", subtype)
    with source.open("rb") as given, (tmp_path / "out").open("wb") as out:
        monkeypatch.setattr("sys.stdin", Stdio(given))
        monkeypatch.setattr("sys.stdout", Stdio(out))
        report = denoise_files(halving, [Path("-")])
    assert report.written == [Written(Path("-"), 0, 300 / RATE)] and not report.failures
    assert np.array_equal(samples(tmp_path / "out"), samples(source) / 2)
    assert soundfile.info(tmp_path / "out").format == soundfile.info(source).format


@pytest.mark.parametrize("name", ["a.m4a", "a.mkv"])
def test_what_is_only_read_comes_out_of_stdout_as_wav(tmp_path, halving, monkeypatch, write_media, name):
    steps = 2 * np.random.default_rng(0).integers(-8000, 8000, 300).astype(np.int16)
    source = write_media(tmp_path / name, steps, RATE)
    with source.open("rb") as given, (tmp_path / "out").open("wb") as out:
        monkeypatch.setattr("sys.stdin", Stdio(given))
        monkeypatch.setattr("sys.stdout", Stdio(out))
        report = denoise_files(halving, [Path("-")])
    assert not report.failures
    assert soundfile.info(tmp_path / "out").format == "WAV"
    assert np.array_equal(samples(tmp_path / "out"), steps / 2**16)


def test_a_record_of_several_files_does_not_go_to_stdout(tmp_path, halving):
    wfdb.wrsamp(
        "r", fs=RATE, units=["mV"], sig_name=["I"], p_signal=np.arange(300.0)[:, None], write_dir=tmp_path
    )
    with pytest.raises(DanError, match=r"r\.hea: a WFDB record is several files.*-o NAME\.hea"):
        denoise_files(halving, [tmp_path / "r.hea"], out=Path("-"))


def test_a_table_through_stdin_into_a_file(tmp_path, halving, monkeypatch):
    given = 2 * np.random.default_rng(0).integers(-800, 800, 300)
    (tmp_path / "in").write_text("v\n" + "".join(f"{value}\n" for value in given))
    with (tmp_path / "in").open("rb") as file:
        monkeypatch.setattr("sys.stdin", Stdio(file))
        report = denoise_files(halving, [Path("-")], out=tmp_path / "out.csv", sample_rate_hz=RATE)
    assert not report.failures
    assert np.array_equal(np.loadtxt(tmp_path / "out.csv", skiprows=1), given / 2)


def test_what_comes_on_stdin_and_is_wrong_is_named_so(halving, monkeypatch, tmp_path):
    (tmp_path / "in").write_bytes(b"RIFF....WAVE")
    with (tmp_path / "in").open("rb") as file:
        monkeypatch.setattr("sys.stdin", Stdio(file))
        (failure,) = denoise_files(halving, [Path("-")]).failures
    assert str(failure).startswith("-: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_read_as_it_comes(tmp_path, halving):
    source, fifo = write(tmp_path / "a.wav"), tmp_path / "pipe.wav"
    os.mkfifo(fifo)
    giver = threading.Thread(target=lambda: fifo.write_bytes(source.read_bytes()))
    giver.start()
    (written,) = denoise_files(halving, [fifo]).written
    giver.join()
    assert written.path == tmp_path / "pipe_denoised.wav"
    assert np.array_equal(samples(written.path), samples(source) / 2)


def test_a_pipe_is_given_by_itself(tmp_path, halving):
    source = write(tmp_path / "a.wav")
    for inputs, out in (([Path("-"), source], None), ([source, source], Path("-")), ([tmp_path], Path("-"))):
        with pytest.raises(DanError, match="a pipe is read or written by itself"):
            denoise_files(halving, inputs, out=out)


# Names


ODD = ["[bold]x.wav", "new\nline.wav", "-o.wav", "%s{x}.wav", "\N{BIRD}.wav", "trailing .wav"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_kept(tmp_path, halving, name):
    source = write(tmp_path / "in" / name)
    (written,) = denoise_files(halving, [tmp_path / "in"], out=tmp_path / "out").written
    assert written.path.name == name and np.array_equal(samples(written.path), samples(source) / 2)


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere take no other names than Unicode")
def test_a_name_that_is_no_unicode_is_kept(tmp_path, halving):
    write(tmp_path / "a.wav").rename(tmp_path / "caf\udce9.wav")
    (written,) = denoise_files(halving, [tmp_path / "caf\udce9.wav"]).written
    assert written.path == tmp_path / "caf\udce9_denoised.wav" and written.path.exists()


# Levels


def test_a_file_at_a_level_that_the_model_does_not_know_is_said(tmp_path):
    rows = np.random.default_rng(0).standard_normal(2000)
    np.save(tmp_path / "loud.npy", 50 * rows)
    np.save(tmp_path / "right.npy", 0.7 * rows + 500)
    notes = denoise_files(load("tones"), [tmp_path], out=tmp_path / "out", sample_rate_hz=256).notes
    (note,) = (note for note in notes if "Warning" in note)
    assert "loud.npy: Warning: an RMS of 5" in note and "right" not in note


def test_the_beginning_of_a_file_tells_its_offset(tmp_path):
    """An offset of one RMS, which a stream cannot be sure of, is put back in a file."""
    rows = np.random.default_rng(0).standard_normal(4000)
    np.save(tmp_path / "a.npy", rows + 1)
    denoise_files(load("tones-wide"), [tmp_path / "a.npy"], sample_rate_hz=256)
    assert np.load(tmp_path / "a_denoised.npy").mean() == pytest.approx(1, abs=0.1)


def test_many_go_into_a_folder_not_a_file(tmp_path, halving):
    files = [write(tmp_path / name) for name in ("a.wav", "b.wav")]
    for out in (tmp_path / "both.wav", files[0]):
        with pytest.raises(DanError, match="a folder is needed here"):
            denoise_files(halving, files, out=out)


def test_a_sample_that_no_network_can_take_is_named_with_its_file(tmp_path, halving):
    np.save(tmp_path / "huge.npy", np.full(300, 1e25, np.float32))
    (failure,) = denoise_files(halving, [tmp_path / "huge.npy"], sample_rate_hz=RATE).failures
    assert "huge.npy has a sample of size 1e+25" in str(failure)


# Tables


def table_of(path):
    signal = 0.5 * np.random.default_rng(0).standard_normal(400)
    lines = [f"{i / RATE:.6f};{x:.4f};{int(i % 50 == 0)};{2 * x:.4f}" for i, x in enumerate(signal)]
    lines[7] = lines[7].rpartition(";")[0] + ";NA"
    path.write_text("time;ecg;Marker;resp\n" + "\n".join(lines) + "\n")
    return path


def cells(path):
    return [line.split(";") for line in path.read_text().splitlines()]


def test_tables_say_what_was_denoised_and_keep_the_rest(tmp_path, halving):
    paths = [table_of(tmp_path / name) for name in ("a.csv", "b.csv")]
    report = denoise_files(halving, paths, out=tmp_path / "out")
    assert not report.failures
    message = "columns denoised: ecg, resp; copied: time (time, 8000 Hz), Marker (by its name)"
    assert report.notes == [
        f"{paths[0]} and 1 more: {message}",
        f"{paths[0]} and 1 more: 1 missing samples, filled for denoising and put back",
    ]
    before, after = cells(paths[0]), cells(tmp_path / "out" / "a.csv")
    for column in (0, 2):
        assert [row[column] for row in after] == [row[column] for row in before]
    assert after[8][3] == "NA"
    assert float(after[9][1]) == pytest.approx(float(before[9][1]) / 2, abs=1e-4)


def test_columns_are_chosen_by_name(tmp_path, halving):
    path = table_of(tmp_path / "a.csv")
    assert not denoise_files(halving, [path], columns=["resp"], time_column="time").failures
    before, after = cells(path), cells(tmp_path / "a_denoised.csv")
    assert [row[:3] for row in after] == [row[:3] for row in before]
    assert float(after[9][3]) == pytest.approx(float(before[9][3]) / 2, abs=1e-4)
    (failure,) = denoise_files(halving, [write(tmp_path / "a.wav")], columns=["resp"]).failures
    assert "only tables have columns" in str(failure)


def test_missing_samples_are_refused_on_request(tmp_path, halving):
    (failure,) = denoise_files(halving, [table_of(tmp_path / "a.csv")], missing="refuse").failures
    assert "line 9, column 4: 'NA': a number is missing" in str(failure)
    assert not (tmp_path / "a_denoised.csv").exists()


@pytest.mark.parametrize("name", ["a.csv", "b.npy", "c.npz"])
def test_strength_0_gives_the_file_back(tmp_path, halving, name):
    path = tmp_path / name
    values = np.array([-0.0, 1e-3, 0.1, np.nan, 5, 2**40 + 1, *range(300)])
    {
        ".csv": lambda: table_of(path),
        ".npy": lambda: np.save(path, values),
        ".npz": lambda: np.savez_compressed(path, ecg=values),
    }[path.suffix]()
    report = denoise_files(halving, [path], strength=0.0, sample_rate_hz=RATE)
    assert not report.failures
    assert report.written[0].path.read_bytes() == path.read_bytes()
