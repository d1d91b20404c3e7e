"""The command line as a user meets it: exit codes, one clear message, nothing half-written, a quick help."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

from dan.cli import main as cli
from dan.config.load import dump_recipe
from dan.core.version import __version__


@pytest.fixture
def dan(monkeypatch, capsys):
    """Runs a command line; gives its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dan", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        output = capsys.readouterr()
        assert code == 2 or not options_lacked(output.err, arguments)
        return code, output.out, output.err

    return run


def options_lacked(message, arguments):
    """Options that a message names and neither its command has nor one that the same sentence names."""
    lacked = []
    for sentence in re.split(r"[.;]\s", message):
        named = re.findall(r"\bdan ((?:data )?[a-z-]+)", sentence)
        commands = [name.split() for name in named] + [list(map(str, arguments))]
        legal = {option for command in commands for option in options_of(command)}
        lacked += set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", sentence)) - legal
    return lacked


def options_of(line):
    command = typer.main.get_command(cli.app)
    for word in line:
        if hasattr(command, "commands"):
            command = command.commands.get(word, command)
    return ["--debug", "--help", *(option for taken in command.params for option in taken.opts)]


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory, tiny):
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(dump_recipe(tiny({"training.epochs": 2, "data.source": "folder"})), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, recipe_file):
    """A data folder and a run, made by the commands themselves."""
    folder = tmp_path_factory.mktemp("cli")
    for line in (
        ["data", "create", recipe_file, "--out", folder / "data", "--seed", "3"],
        ["train", recipe_file, "--data", folder / "data", "--out", folder / "run"],
    ):
        subprocess.run([sys.executable, "-m", "dan", *map(str, line)], check=True, capture_output=True)
    return folder


def test_a_training_without_an_epoch_says_what_goes_on_and_what_is_lost(dan, recipe_file, tmp_path):
    fresh = ["--set", "data.source=fresh", "--max-minutes", "0"]
    code, output, _ = dan("train", recipe_file, *fresh, "--out", tmp_path / "run")
    assert code == 0 and (tmp_path / "run" / "model.safetensors").is_file()
    resumes, model, tip = output.splitlines()
    assert resumes == "Stopped before the end: the same command resumes."
    assert model == f"Model: {tmp_path / 'run' / 'model.safetensors'}"
    assert "give it more time" in tip and "--force, which deletes what was trained here" in tip


def test_a_manifest_without_ray_is_not_passed_over(dan, tmp_path):
    code, _, output = dan("denoise", "tones", tmp_path, "--manifest", tmp_path / "m.jsonl")
    assert code == 1 and output.startswith("dan: --manifest: it is kept on Ray alone. Give --ray")


def in_subprocess(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_help_loads_nothing_heavy():
    heavy = ["numpy", "torch", "scipy", "matplotlib", "pydantic", "soundfile", "rich", "onnxruntime"]
    code = (
        "import sys; sys.argv = ['dan', '--help']\n"
        "from dan.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print('heavy:', [name for name in {heavy} if name in sys.modules])"
    )
    assert in_subprocess(code).endswith("heavy: []\n")


def test_import_dan_loads_no_torch():
    assert in_subprocess("import sys, dan; print('torch' in sys.modules)") == "False\n"


def test_every_command_has_help(dan):
    commands = [[command.name or command.callback.__name__] for command in cli.app.registered_commands]
    of_data = [["data", command.callback.__name__] for command in cli.data.app.registered_commands]
    assert len(commands) >= 9 and len(of_data) >= 3
    for line in commands + of_data:
        code, out, _ = dan(*line, "--help")
        assert code == 0 and f"dan {' '.join(line)}" in out


WRONG_LINES = [["nonsense"], ["train"], ["info", "--nonsense"], ["denoise", "--strength", "x"]]


@pytest.mark.parametrize("line", WRONG_LINES)
def test_a_wrong_command_line_is_2(dan, line):
    code, _, err = dan(*line)
    assert code == 2 and "Traceback" not in err


@pytest.mark.parametrize(
    ("line", "output"),
    [
        (["train", "nonsense", "--out", "x"], "recipe nonsense"),
        (["train", "classic", "--set", "training.epoch=3", "--out", "x"], "Did you mean epochs"),
        (["info", "nonsense"], "model nonsense"),
        (["data", "check", "nowhere"], "nowhere"),
        (["denoise", "nonsense", "nowhere.wav"], "model nonsense"),
        (["evaluate", "nonsense", "--data", "nowhere"], "model nonsense"),
        (["train", "classic", "--device", "abacus", "--out", "x"], "device=abacus"),
        (["train", "speech-8k", "--out", "x"], "--clean"),
        (["train", "classic", "--clean", "nowhere", "--out", "x"], "nowhere"),
    ],
)
def test_wrong_input_is_1_with_one_message(dan, tmp_path, monkeypatch, line, output):
    monkeypatch.chdir(tmp_path)
    code, _, err = dan(*line)
    last = err.strip().splitlines()[-1]
    assert code == 1 and "Traceback" not in err and "dan: " in err and output in err, last


TABLES = {
    "a missing cell": (
        "t,ecg\n" + "".join(f"{n / 100},{n % 7}.5\n" for n in range(99)) + "0.99,\n",
        "line 101",
    ),
    "uneven times": (
        "t,ecg\n" + "".join(f"{(n + (n > 2500)) / 100},{n % 7}.5\n" for n in range(3000)),
        "off the even steps",
    ),
    "no signal": ("t,marker\n" + "".join(f"{n / 100},{n // 50}\n" for n in range(100)), "no column"),
    "a row a signal": ("\n".join(",".join(f"{n % 7}.5" for n in range(300)) for _ in range(3)), "Transpose"),
}
READERS = [
    ["data", "pauses", "IN", "--out", "new"],
    ["data", "mix", "--clean", "IN", "--noise", "OTHER", "--out", "new"],
    ["train", "ecg-360", "--noisy", "IN", "--out", "new"],
    ["train", "ecg-360", "--clean", "IN", "--out", "new"],
    ["train", "ecg-360", "--noisy", "IN", "--second-take", "OTHER", "--out", "new"],
    ["train", "ecg-360", "--noisy", "IN", "--epochs", "0", "1", "--out", "new"],
    ["denoise", "ecg-360", "IN", "--resample", "--missing", "refuse", "-o", "new"],
]


@pytest.mark.parametrize("line", READERS)
@pytest.mark.parametrize("table", TABLES)
def test_what_is_wrong_with_a_table_is_said_in_options_of_the_command(
    dan, tmp_path, monkeypatch, table, line
):
    monkeypatch.chdir(tmp_path)
    text, output = TABLES[table]
    for folder, other in (("IN", text), ("OTHER", text.replace(".5", ".25"))):
        Path(folder).mkdir()
        Path(folder, "table.csv").write_text(other, encoding="utf-8")
    code, _, err = dan(*line)
    assert code == 1 and output in err


def test_debug_shows_the_traceback():
    line = [sys.executable, "-m", "dan", "info", "nonsense", "--debug"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and "Traceback" in ended.stderr and "DanError" in ended.stderr


def test_recipes_are_listed_with_their_results(dan):
    code, out, _ = dan("recipes")
    assert code == 0
    for name in ("classic", "tones", "tones-best", "tones-wide", "speech-8k"):
        assert f"{name} " in out


def test_data_is_checked(dan, trained):
    code, out, _ = dan("data", "check", trained / "data")
    train, validation, end = out.splitlines()
    assert code == 0 and train.startswith("train: 9 signals of 64 samples, SNR ") and end == "no problems"
    assert validation.startswith("validation: 4 signals of 64 samples, SNR ")
    (trained / "data" / "train" / "noise" / "tone_0001.npy").rename(trained / "away.npy")
    code, _, err = dan("data", "check", trained / "data")
    (trained / "away.npy").rename(trained / "data" / "train" / "noise" / "tone_0001.npy")
    assert code == 1 and "tone_0001" in err


def test_the_same_command_resumes_and_is_done(dan, trained, recipe_file):
    before = (trained / "run" / "history.jsonl").read_bytes()
    line = ("train", recipe_file, "--data", trained / "data", "--out", trained / "run")
    assert dan(*line)[0] == 0
    assert (trained / "run" / "history.jsonl").read_bytes() == before
    code, _, err = dan(*line, "--seed", "9")
    assert code == 1 and "seed" in err and "--force" in err


def test_what_a_run_leaves(trained):
    for name in ("recipe.toml", "model.safetensors", "checkpoint", "plots/training.png", "plots/signals.png"):
        assert (trained / "run" / name).exists()
    records = [json.loads(line) for line in (trained / "run" / "history.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2]
    wanted = {"step", "epoch", "seconds", "val_snr_db", "val_snr_gain_db", "discriminator_accuracy"}
    assert wanted <= records[0].keys() and any(key.startswith("train_") for key in records[0])


def test_data_mix_holds_back_the_share_that_is_asked_for(dan, tmp_path, trained):
    clean, noise = (trained / "data" / "train" / kind for kind in ("clean", "noise"))
    line = ("data", "mix", "--clean", clean, "--noise", noise, "--out", tmp_path / "mixed")
    line = (*line, "--sample-rate", 64, "--count", 10, "--duration", 0.5, "--held-out")
    code, _, err = dan(*line, 0.8)
    assert code == 0, err
    sides = [len(list((tmp_path / "mixed" / side / "mixed").iterdir())) for side in ("train", "validation")]
    assert sides == [2, 8]
    code, _, err = dan(*line, 1, "--force")
    assert code != 0 and "--held-out 1" in err and "between 0 and 1" in err


def test_max_minutes_stops_and_resumes_to_the_same(dan, tmp_path, trained, recipe_file):
    line = ("train", recipe_file, "--data", trained / "data", "--out", tmp_path / "run")
    code, out, _ = dan(*line, "--max-minutes", "0")
    assert code == 0 and "the same command resumes" in out
    assert dan("info", tmp_path / "run")[0] == 0  # a model of one step
    assert dan(*line)[0] == 0
    model = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert model == (trained / "run" / "model.safetensors").read_bytes()


def test_info(dan, trained):
    code, out, _ = dan("info", trained / "run", "--json")
    reported = json.loads(out)
    wanted = "name version recipe generator parameters sample_rate_hz latency_samples receptive_field_samples"
    wanted += " channels trained_on seed val_snr_db val_snr_gain_db licence"
    assert code == 0 and set(wanted.split()) <= reported.keys() and reported["sample_rate_hz"] == 64
    assert "parameters" in dan("info", trained / "run")[1]


def test_evaluate_writes_the_table(dan, trained, tmp_path):
    table = tmp_path / "table.json"
    code, out, _ = dan("evaluate", trained / "run", "--data", trained / "data", "--json", table)
    reported = json.loads(table.read_text())
    names = [row["name"] for row in reported["rows"]]
    assert code == 0 and names[:2] == ["noisy", "dan"] and names[-1] == "limit" and "noisy" in out
    assert reported["count"] == 4 and all(np.isfinite(row["snr_db"]) for row in reported["rows"])
    code, _, err = dan("evaluate", trained / "run", "--data", trained / "data", "--json", table)
    assert code == 1 and "--force" in err


def test_denoise_files(dan, trained, tmp_path):
    mixed = trained / "data" / "validation" / "mixed" / "tone_0000.npy"
    code, _, err = dan("denoise", trained / "run", mixed, "-o", tmp_path / "out.npy")
    assert code == 1 and "--sample-rate 64" in err and not (tmp_path / "out.npy").exists()
    line = ("denoise", trained / "run", mixed, "-o", tmp_path / "out.npy", "--sample-rate", "64")
    assert dan(*line)[0] == 0
    denoised = np.load(tmp_path / "out.npy")
    assert denoised.shape == np.load(mixed).shape and denoised.dtype == np.float32
    assert dan(*line)[0] == 1  # it exists already
    assert dan(*line, "--force", "--strength", "0")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.load(mixed))


def test_denoise_says_a_reason_once_for_all_files_that_have_it(dan, tmp_path):
    for name in "abcde":
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(64), 44100)
    (tmp_path / "text.wav").write_text("no recording")
    code, out, err = dan("denoise", "tones", *(tmp_path / f"{name}.wav" for name in [*"abcde", "text"]))
    assert code == 1 and not out and err.count("dan: ") == 2
    assert f"{tmp_path / 'c.wav'} at sample_rate=44100 and 2 more: the model tones is for 256 Hz. Use" in err


def test_denoise_a_folder_and_say_what_failed(dan, trained, tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    soundfile.write(folder / "deep" / "good.wav", np.zeros(300), 64, "PCM_16")
    soundfile.write(folder / "other.wav", np.zeros(300), 8000, "PCM_16")
    code, out, err = dan("denoise", trained / "run", folder, "-o", tmp_path / "out")
    assert code == 1 and "good.wav" in out and "other.wav" in err and "--resample" in err
    assert soundfile.info(tmp_path / "out" / "deep" / "good.wav").frames == 300
    assert dan("denoise", trained / "run", folder, "-o", tmp_path / "all", "--resample")[0] == 0
    info = soundfile.info(tmp_path / "all" / "other.wav")
    assert (info.frames, info.samplerate, info.subtype) == (300, 8000, "PCM_16")


def test_stream_from_stdin_to_stdout(trained):
    samples = np.random.default_rng(0).uniform(-1, 1, 333).astype(np.float32)
    line = [sys.executable, "-m", "dan", "stream", str(trained / "run")]
    ended = subprocess.run(line, input=samples.tobytes(), capture_output=True, check=True)
    assert len(ended.stdout) == samples.nbytes
    assert ended.stderr.decode().startswith("latency: 64 samples, 1000.0 ms at 64 Hz")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    ("ends", "output"),
    [("> /dev/full", "the output: it cannot be written"), ("<&-", "stdin or stdout: it is closed")],
)
def test_a_stream_that_cannot_go_on_says_why(trained, ends, output):
    line = f"head -c 100000 /dev/zero | {sys.executable} -m dan stream {trained / 'run'} {ends}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1 and output in ended.stderr and "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["--version", "info tones --json"])
def test_a_disk_that_is_full_is_said_of_any_command(command):
    line = f"{sys.executable} -m dan {command} > /dev/full"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1 and "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr and "Exception" not in ended.stderr


def test_a_request_to_end_leaves_nothing_half_written(trained, tmp_path):
    np.save(tmp_path / "long.npy", np.zeros(2**25, np.float32))
    command = [sys.executable, "-m", "dan", "denoise", str(trained / "run"), str(tmp_path / "long.npy")]
    with subprocess.Popen([*command, "--sample-rate", "64"], stderr=subprocess.DEVNULL) as running:
        while not list(tmp_path.glob(".partial*")) and running.poll() is None:
            time.sleep(0.01)
        running.terminate()
    assert running.returncode == 128 + signal.SIGTERM
    assert [entry.name for entry in tmp_path.iterdir()] == ["long.npy"]


def test_a_pipe_that_nobody_reads_ends_quietly(trained):
    line = f"yes | {sys.executable} -m dan stream {trained / 'run'} --dtype int16 | head -c 64 | wc -c"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "64" and "Traceback" not in ended.stderr


def test_training_without_torch_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['torch'] = None\nfrom dan.cli.main import main\nmain()"
    line = [sys.executable, "-c", code, "train", "tones", "--out", tmp_path / "run"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and "dan-denoiser[train]" in ended.stderr and "Traceback" not in ended.stderr


def test_the_version_is_said(dan):
    assert dan("--version") == (0, f"dan {__version__}\n", "")
