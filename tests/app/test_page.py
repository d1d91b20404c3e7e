"""The page in a real browser: what a user does, from the upload to the file that is saved.

With DAN_SCREENSHOTS set to a folder, the pictures of docs/app.md are made on the way, of runs in that folder.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dan.config.load import dump_recipe, load_recipe
from dan.inference.denoiser import load
from dan.io.recordings import write
from dan.workflows.denoise import denoise_files

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
edfio = pytest.importorskip("edfio", reason="pip install edfio")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

IMAGES = Path(__file__).parents[2] / "docs" / "images"
RATE_HZ = 8000
PATIENCE_MS = 120_000
"""A busy machine takes its time; nothing here is a measurement."""
HOUR_S = 3600
GROWTH_MB = 300
TINY = ("training.steps_per_epoch=3", "training.batch_size=4", "data.validation_count=8")

COUNTED = """([where, what, least]) =>
    [...document.querySelectorAll(`${where}, ${where} *`)].some((one) => one.dataset[what] >= least)"""
"""Whether the player has drawn, or scheduled sound, so many times."""
HELD = """(where) =>
    [...document.querySelectorAll(`${where}, ${where} *`)].every((one) => !(one.dataset.held > 0))"""
"""Whether the player has let go of all sound."""
FAULTS = {
    name: Path(__file__).with_name(f"{name}.js").read_text(encoding="utf-8")
    for name in ("contrast", "nameless", "clipped")
}
"""What finds elements that not all can read or use."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A page that `dan app` serves: its process, address and folder; it ends on Ctrl-C and leaves nothing."""
    folder = Path(os.environ.get("DAN_SCREENSHOTS") or tmp_path_factory.mktemp("app"))
    (folder / "tmp").mkdir(parents=True)
    command = [sys.executable, "-m", "dan", "app", "speech-8k", "--folder", str(folder / "runs")]
    with (folder / "said").open("w") as message:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=message, text=True, start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder / "tmp")},
        )  # fmt: skip
        try:
            yield process, process.stdout.readline().strip(), folder
        finally:
            os.kill(process.pid, signal.SIGINT)
            code = process.wait(timeout=PATIENCE_MS / 1000)
    reported = (folder / "said").read_text()
    assert code == 0 and "Traceback" not in reported, reported
    assert f"Runs and votes are in {folder / 'runs'}" in reported
    assert list((folder / "tmp").glob("dan-app-*")) == []


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        arguments = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, server):
    """Opens the page in a context of its own; a request to elsewhere or a failing script fails the test."""
    contexts, outside, wrong = [], [], []
    own = server[1].partition("/?")[0]

    def make(**options):
        contexts.append(browser.new_context(**({"viewport": {"width": 1200, "height": 1000}} | options)))
        contexts[-1].on("request", lambda request: outside.append(request.url))
        view = contexts[-1].new_page()
        view.on("pageerror", lambda error: wrong.append(str(error)))
        view.set_default_timeout(PATIENCE_MS)
        view.goto(server[1])
        view.wait_for_selector("#denoise")
        return view

    yield make
    for context in contexts:
        context.close()
    assert [url for url in outside if not url.startswith((own, "data:", "blob:"))] == []
    assert wrong == []


@pytest.fixture
def page(opened):
    return opened()


def voice(seconds, seed=0):
    """A glottal pulse train with formants, in syllables: what a denoiser of speech takes for a voice."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    pitch_hz = 130 + 25 * np.sin(2 * np.pi * 0.4 * time_s + seed)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    slow = np.sin(2 * np.pi * np.outer((0.31, 0.9, 1.3, 1.7), time_s))
    formants_hz = (600 + 250 * slow[2], 1500 + 400 * slow[1], 2600)
    samples = np.zeros_like(time_s)
    for harmonic in range(1, 24):
        frequency_hz = harmonic * pitch_hz
        strength = sum(1 / (1 + ((frequency_hz - peak) / 120) ** 2) for peak in formants_hz)
        samples += strength * np.sin(harmonic * phase) / harmonic**0.5
    syllables = np.clip(slow[3], 0, None) ** 0.5 * (slow[0] > -0.6)
    return (0.12 * samples * syllables).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder with a voice, clean/voice.wav, and noisy/voice.wav."""
    folder = tmp_path_factory.mktemp("recordings")
    clean = voice(8)
    noise = 0.03 * np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    for name, samples in (("clean", clean), ("noisy", clean + noise)):
        (folder / name).mkdir()
        write(folder / name / "voice.wav", samples, sample_rate_hz=RATE_HZ)
    return folder


def drop(page, where, files):
    page.set_input_files(f"{where} input[type=file]", [str(file) for file in files])
    page.wait_for_selector(f"{where} .file-preview, {where} table")


def denoise(page, *files):
    """Drop files and press the button; returns once the line of the new job stands there."""
    before = job_shown(page)
    drop(page, "#files", files)
    page.click("#denoise")
    next_job(page, before)


def begin_training(page, recipe, name):
    choose(page, "#recipe", recipe)
    page.fill("#run textarea, #run input", name)
    page.click("#train")


def next_job(page, before, where="#denoise-status"):
    page.wait_for_selector(f"{where} [data-job]:not([data-job='{before}'], [data-job=''])")


def job_shown(page, where="#denoise-status"):
    """The key of the job whose line is shown, empty where there is none."""
    lines = page.locator(f"{where} [data-job]")
    return lines.first.get_attribute("data-job") if lines.count() else ""


def done(page, where="#denoise-status", state="done"):
    """Wait for the end of the job that is shown."""
    ends = ", ".join(f"{where} [data-state={end}]" for end in ("done", "failed", "stopped"))
    try:
        end = page.wait_for_selector(ends).get_attribute("data-state")
    except playwright.TimeoutError:
        listed = subprocess.check_output(["ps", "-e", "-o", "pid,etime,stat,args"], text=True)
        of_dan = [line for line in listed.splitlines() if "-m dan" in line]
        pytest.fail("\n".join([f"{page.inner_text(where)} after {PATIENCE_MS} ms; there run", *of_dan]))
    assert end == state, page.inner_text(where)


def drawn(page, where="#player", least=1):
    page.wait_for_selector(f"{where} .dan-body:not([hidden])")
    page.wait_for_function(COUNTED, arg=[where, "drawn", least])


def counted(page, what, where="#player"):
    return page.locator(f"{where}[data-{what}], {where} [data-{what}]").first.get_attribute(f"data-{what}")


def save(page, target, number=0):
    link = page.locator("#saved a[download], #saved a[href*=file]").nth(number)
    with page.expect_download() as download:
        link.click()
    download.value.save_as(target)
    return target


def tab(page, name, element):
    page.get_by_role("tab", name=name).click()
    page.wait_for_selector(element)


def choose(page, where, value):
    page.fill(f"{where} input", str(value))
    page.press(f"{where} input", "Enter")


def picture(page, name):
    """Keep what is shown for the docs, where that is asked for."""
    if os.environ.get("DAN_SCREENSHOTS"):
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)
        shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
        shot.quantize(128).save(IMAGES / f"app-{name}.png", optimize=True)


def test_upload_see_play_switch_and_save_what_dan_denoise_writes(page, recordings, tmp_path):
    noisy = recordings / "noisy" / "voice.wav"
    denoise(page, noisy)
    done(page)
    drawn(page)
    page.click("#player [data-do=play]")
    page.wait_for_function(COUNTED, arg=["#player", "played", 4])
    views = counted(page, "drawn")
    for track in ("before", "removed", "after"):
        page.click(f"#player [data-track={track}]")
        assert page.get_attribute(f"#player [data-track={track}]", "aria-pressed") == "true"
    page.locator("#player [data-set=strength]").fill("0.4")
    assert page.inner_text("#player output") == "0.40"
    page.wait_for_timeout(300)
    assert counted(page, "drawn") == views  # nothing is computed anew
    assert page.get_attribute("#player [data-do=play]", "aria-pressed") == "true"
    page.click("#player [data-do=play]")
    page.wait_for_function(HELD, arg="#player")
    assert page.inner_text("#player .dan-time") > "0:00.00"  # switching went on from where it was
    picture(page, "denoise")
    command = [sys.executable, "-m", "dan", "denoise", "speech-8k", str(noisy), "--resample"]
    subprocess.run([*command, "-o", str(tmp_path / "direct.wav")], check=True)
    assert save(page, tmp_path / "saved.wav").read_bytes() == (tmp_path / "direct.wav").read_bytes()
    before = job_shown(page)
    page.click("#save")
    next_job(page, before)
    done(page)
    page.get_by_text("Save (strength 0.4)").wait_for()
    denoise_files(load("speech-8k"), [noisy], out=tmp_path / "direct.wav", strength=0.4, force=True)
    assert save(page, tmp_path / "saved.wav").read_bytes() == (tmp_path / "direct.wav").read_bytes()
    assert page.inner_text("#player output") == "0.40"
    kept = page.evaluate("Object.keys(localStorage)")
    assert kept == ["dan-denoise-job"]  # nothing else stays in the browser


def test_bad_files_are_named_and_the_good_ones_come_as_one_archive(page, recordings, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no recording at all")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "diary.txt").write_text("Dear diary.\n")
    odd = shutil.copy(recordings / "noisy" / "voice.wav", tmp_path / "Grüße <b> & 'x'.wav")
    many = np.tile(voice(1), (10, 1))
    many[3, 100:200] = np.nan
    np.save(tmp_path / "many.npy", many)
    (tmp_path / "again").mkdir()
    again = shutil.copy(odd, tmp_path / "again" / Path(odd).name)
    page.fill("#rate input, #rate textarea", str(RATE_HZ))
    bad = ("bad.wav", "empty.wav", "diary.txt", "many.npy")
    denoise(page, *(tmp_path / name for name in bad), odd, again)
    done(page, state="failed")
    message = page.inner_text("#denoise-status")
    for words in ("bad.wav: it cannot be read", "empty.wav: it is empty", *bad, "100 missing samples"):
        assert words in message
    assert page.locator("#denoise-status b, #player b").count() == 0 and str(tmp_path) not in message
    drawn(page)
    page.wait_for_selector("#saved a")
    with zipfile.ZipFile(save(page, tmp_path / "saved.zip")) as packed:
        names = sorted(packed.namelist())
        assert names[0].endswith(" (2).wav") and names[2] == "many.npy" and len(names) == 3
        packed.extractall(tmp_path / "saved")
    denoise_files(
        load("speech-8k"), [tmp_path / "many.npy"], out=tmp_path / "direct.npy", sample_rate_hz=RATE_HZ
    )
    assert (tmp_path / "saved" / "many.npy").read_bytes() == (tmp_path / "direct.npy").read_bytes()
    choose(page, "#shown", "many.npy")
    page.wait_for_selector("#player .dan-name:text-is('many.npy')")
    drawn(page, least=2)
    assert page.locator("#player [data-set=channel] option").count() == 10
    page.select_option("#player [data-set=channel]", "3")
    drawn(page, least=3)


def test_a_heart_is_shown_in_its_unit_and_not_played(page, tmp_path):
    time_s = np.arange(20 * 360) / 360
    beats = np.exp(-(((time_s % 0.8) - 0.3) ** 2) / 2e-4) + 0.3 * np.sin(2 * np.pi * 0.3 * time_s)
    noisy_mv = beats + 0.05 * np.random.default_rng(0).standard_normal(len(beats))
    unit = {"physical_dimension": "mV", "physical_range": (-5, 5)}
    lead = edfio.EdfSignal(noisy_mv, 360, label="II", **unit)
    edfio.Edf([lead]).write(tmp_path / "heart.edf")
    choose(page, "#model", "ecg-360")
    denoise(page, tmp_path / "heart.edf")
    done(page)
    drawn(page)
    assert "360 Hz is below what a browser plays" in page.inner_text("#player .dan-note")
    assert not page.is_visible("#player [data-do=play]") and not page.is_visible("#player [data-track=after]")
    page.locator("#player .dan-player").focus()
    for key in ("+", "+", "PageDown", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_selector("#player[data-seconds='5'], #player [data-seconds='5']")
    picture(page, "heart")


def test_a_training_outlives_a_reload_and_goes_on_after_a_kill_while_others_wait(opened, server, recordings):
    page, (process, _, folder) = opened(), server
    tab(page, "Train", "#train")
    recipe = folder / "long.toml"
    recipe.write_text(
        dump_recipe(load_recipe("tones", overrides=[*TINY, "training.epochs=100000"])), encoding="utf-8"
    )
    begin_training(page, recipe, "long")
    page.wait_for_selector("#diagnosis li")
    assert f"dan train {recipe} --out {folder / 'runs' / 'long'}" in page.inner_text("#command").replace(
        "\xa0", " "
    )
    drawn(page, "#train-player")
    assert page.locator("#train-player [data-set=channel] option").count() == 5
    page.wait_for_selector("#gain canvas, #gain svg.marks")
    page.wait_for_selector("#legend :text('generator')")
    assert page.evaluate(FAULTS["clipped"]) == []
    picture(page, "train")
    key = job_shown(page, "#train-status")
    second = page.context.new_page()
    second.set_default_timeout(PATIENCE_MS)
    second.goto(server[1].partition("/?")[0])
    second.wait_for_selector("#denoise")
    denoise(second, recordings / "noisy" / "voice.wav")
    assert "Waiting: 1 before it" in second.inner_text("#denoise-status")
    page.reload()
    tab(page, "Train", "#train")
    page.wait_for_selector(f"#train-status [data-job='{key}'][data-state=running]")
    page.wait_for_selector("#command:has-text('dan train')")
    killed(process.pid, "train")
    done(page, "#train-status", "failed")
    assert "ended by signal 9" in page.inner_text("#train-status")
    done(second)
    begin_training(page, recipe, "long")  # after the reload both fields are the page's own again
    next_job(page, key, "#train-status")
    second.reload()
    drawn(second)
    page.wait_for_selector("#train-status progress[value]")  # in the middle
    page.wait_for_selector("#train-status pre:has-text('Resuming')")
    page.click("#stop")
    done(page, "#train-status", "stopped")
    page.wait_for_selector("#train-status pre:has-text('Stopped: the same command resumes.')")


def test_files_are_dropped_and_trained_on(page, server, recordings, tmp_path):
    tab(page, "Train", "#train")
    noise = 0.1 * np.random.default_rng(1).standard_normal(4 * RATE_HZ).astype(np.float32)
    write(tmp_path / "fan.wav", noise, sample_rate_hz=RATE_HZ)
    dropped = {"clean": recordings / "clean" / "voice.wav", "noise": tmp_path / "fan.wav"}
    for what, file in dropped.items():
        drop(page, f"#{what}-files", [file])
        page.wait_for_function(
            "(what) => document.querySelector(`#${what} :is(input, textarea)`).value", arg=what
        )
        kept = Path(page.input_value(f"#{what} :is(input, textarea)"))
        assert kept.parent == server[2] / "runs" and (kept / file.name).read_bytes() == file.read_bytes()
    page.click("#look")
    page.wait_for_selector("#found :text('1 recording, 0.1 minutes, 8000 Hz') >> nth=1")
    recipe = tmp_path / "voices.toml"
    short = [*TINY, "training.epochs=1", "signal.duration_s=0.5"]
    recipe.write_text(dump_recipe(load_recipe("speech-8k", overrides=short)), encoding="utf-8")
    begin_training(page, recipe, "voices")
    done(page, "#train-status")
    assert str(server[2] / "runs" / "voices" / "model.safetensors") in page.inner_text("#train-status")


def test_a_tiny_training_runs_to_its_end_and_its_model_is_on_the_menus(page, server, tmp_path):
    tab(page, "Train", "#train")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        dump_recipe(load_recipe("tones", overrides=[*TINY, "training.epochs=2"])), encoding="utf-8"
    )
    begin_training(page, recipe, "tiny")
    done(page, "#train-status")
    assert "model.safetensors" in page.inner_text("#train-status")
    tab(page, "Denoise", "#denoise")
    page.click("#model input")
    page.get_by_role("option", name=str(server[2] / "runs" / "tiny")).wait_for()


def test_two_are_compared_blind_and_by_scores(page, server, recordings):
    tab(page, "Compare", "#compare")
    drop(page, "#compare-files", [recordings / "noisy" / "voice.wav"])
    drop(page, "#compare-clean", [recordings / "clean" / "voice.wav"])
    page.click("#compare")
    done(page, "#compare-status")
    drawn(page, "#compare-player")
    assert page.locator("#compare-player [data-track]").all_inner_texts() == ["First", "Second", "Clean"]
    assert page.is_checked("#compare-player [data-set=match]")
    shown = page.inner_text("#compare-status") + page.inner_text("#compare-player")
    assert "speech-8k" not in shown and "wiener" not in shown
    assert "noisy" in page.inner_text("#scores")
    page.click("#vote-second")
    page.wait_for_selector("#told strong")
    picture(page, "compare")
    (vote,) = (server[2] / "runs" / "votes.jsonl").read_text().splitlines()
    assert {json.loads(vote)[name] for name in ("first", "second")} == {"speech-8k", "filter: wiener"}


def test_the_score_table_of_a_data_folder(page, tiny, write_data, tmp_path):
    tab(page, "Compare", "#compare")
    page.click("#judge")
    page.wait_for_selector("#judge-status :text('Give the path of a data folder first.')")
    recipe = tiny({"signal.sample_rate_hz": RATE_HZ, "clean.frequency_hz": [100, 900]})
    data = write_data(recipe, tmp_path / "data")
    page.fill("#compare-data :is(input, textarea)", str(data))
    page.click("#judge")
    next_job(page, "", "#judge-status")
    done(page, "#judge-status")
    page.wait_for_selector("#table :text('speech-8k')")
    shown = page.inner_text("#table")
    assert all(row in shown for row in ("noisy", "lowpass", "wiener", "SI-SDR (dB)"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_can_read_it_at_the_width_of_a_telephone_or_400_percent(scheme, opened, recordings):
    page = opened(viewport={"width": 320, "height": 640}, color_scheme=scheme)  # 1280 at 400 % are 320
    denoise(page, recordings / "noisy" / "voice.wav")
    done(page)
    drawn(page)
    views = {"Denoise": "#denoise", "Train": "#train", "Compare": "#compare"}
    for name, element in views.items():
        if name != "Denoise":
            page.get_by_role("tab", name=name).or_(page.get_by_role("button", name=name)).first.click()
            page.wait_for_selector(element)
        assert page.evaluate("document.documentElement.scrollWidth") <= 321, name
        found = {fault: page.evaluate(script) for fault, script in FAULTS.items()}
        assert found == {fault: [] for fault in FAULTS}, name
        if scheme == "dark":
            picture(page, f"{name.lower()}-narrow")


def test_an_hour_is_uploaded_denoised_and_looked_at_in_little_memory(opened, browser, server, tmp_path):
    page, rate_hz = opened(), 3000
    samples = (0.1 * np.random.default_rng(0).standard_normal(HOUR_S * rate_hz)).astype(np.float32)
    write(tmp_path / "hour.wav", samples, sample_rate_hz=rate_hz)
    before_mb = memory_mb(browser, server[0].pid)
    denoise(page, tmp_path / "hour.wav")
    page.wait_for_selector("#denoise-status progress[value]")
    page.click("#cancel")  # in the middle: an hour takes this model some seconds
    done(page, state="stopped")
    assert not page.is_visible("#saved")
    stopped = job_shown(page)
    choose(page, "#model", "tones-wide")
    page.click("#denoise")
    next_job(page, stopped)
    done(page)
    drawn(page)
    assert half_written(server) == []
    for least, what in ((2, "in"), (3, "later")):
        page.click(f"#player [data-do={what}]")
        drawn(page, least=least)
    page.click("#player [data-do=play]")
    page.wait_for_function(COUNTED, arg=["#player", "played", 4])
    grown_mb = {name: mb - before_mb.get(name, 0) for name, mb in memory_mb(browser, server[0].pid).items()}
    assert max(grown_mb.values()) < GROWTH_MB, grown_mb
    assert "of 1:00:00.00" in page.inner_text("#player .dan-time")


def test_the_server_itself_answers_only_with_the_token(server):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(server[1].partition("/?")[0])


def memory_mb(browser, server):
    """Resident memory of the server and of all of the browser's processes of each kind, in MB."""
    session = browser.new_browser_cdp_session()
    found = {"server": resident_mb(server)}
    for one in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        found[one["type"]] = found.get(one["type"], 0) + resident_mb(one["id"])
    session.detach()
    return found


def half_written(server):
    """Temporary files among the outputs of the page."""
    return [*(server[2] / "tmp").glob("dan-app-*/denoised-*/.*")]


def resident_mb(process):
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def killed(server, word):
    """Kill the job that the server runs, as a machine without memory does."""
    for child in Path(f"/proc/{server}/task").glob("*/children"):
        for process in child.read_text().split():
            if word in Path(f"/proc/{process}/cmdline").read_text().split("\0"):
                os.kill(int(process), signal.SIGKILL)
                return
    raise AssertionError(f"no {word} runs")
