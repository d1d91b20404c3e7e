"""The page in a real browser: what a user does, from the upload to the file that is saved."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest

from dan.config.load import dump_recipe, load_recipe
from dan.io.recordings import write

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

RATE_HZ = 8000
PATIENCE_MS = 240_000
"""A busy machine takes its time; nothing here is a measurement."""

COUNTED = """([where, what, least]) =>
    [...document.querySelectorAll(`${where}, ${where} *`)].some((one) => one.dataset[what] >= least)"""
"""Whether the player has drawn, or scheduled sound, so many times."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a page that `dan app` serves."""
    folder = tmp_path_factory.mktemp("app")
    command = [sys.executable, "-m", "dan", "app", "tones-wide", "--folder", str(folder / "runs")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=40) in (0, 130, -signal.SIGINT)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        arguments = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    """A page that has loaded; a request to anywhere else fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 1400})
    view = context.new_page()
    outside = []
    view.on("request", lambda request: outside.append(request.url))
    view.set_default_timeout(PATIENCE_MS)
    view.goto(address)
    view.wait_for_selector("#denoise")
    yield view
    own = address.partition("/?")[0]
    context.close()
    assert [url for url in outside if not url.startswith((own, "data:", "blob:"))] == []


@pytest.fixture
def noisy(tmp_path):
    time_s = np.arange(8 * RATE_HZ) / RATE_HZ
    samples = 0.3 * np.sin(2 * np.pi * 20 * time_s) + 0.05 * np.random.default_rng(0).standard_normal(
        8 * RATE_HZ
    )
    write(tmp_path / "noisy.wav", samples.astype(np.float32), sample_rate_hz=RATE_HZ)
    return tmp_path / "noisy.wav"


def denoise(page, *files):
    """Drop files and press the button; returns once the line of the new job stands there."""
    before = job_shown(page)
    page.set_input_files("#files input[type=file]", [str(file) for file in files])
    page.wait_for_selector("#files .file-preview, #files table")
    page.click("#denoise")
    page.wait_for_selector(f"#denoise-status [data-job]:not([data-job='{before}'], [data-job=''])")


def job_shown(page, where="#denoise-status"):
    """The key of the job whose line is shown, empty where there is none."""
    lines = page.locator(f"{where} [data-job]")
    return lines.first.get_attribute("data-job") if lines.count() else ""


def done(page, where="#denoise-status", state="done"):
    """Wait for the end of the job that is shown."""
    ends = ", ".join(f"{where} [data-state={end}]" for end in ("done", "failed", "stopped"))
    assert page.wait_for_selector(ends).get_attribute("data-state") == state, page.inner_text(where)


def drawn(page, where="#player"):
    page.wait_for_selector(f"{where} .dan-body:not([hidden])")
    page.wait_for_function(
        "where => [...document.querySelectorAll(`${where}, ${where} *`)].some(one => one.dataset.drawn)",
        arg=where,
    )


def saved(page, number=0):
    page.wait_for_selector("#saved a[download], #saved a[href*=file]")
    return page.locator("#saved a[download], #saved a[href*=file]").nth(number)


def test_upload_see_play_switch_and_save_what_dan_denoise_writes(page, noisy, tmp_path):
    denoise(page, noisy)
    done(page)
    drawn(page)
    page.click("#player [data-do=play]")
    page.wait_for_function(COUNTED, arg=["#player", "played", 2])
    page.click("#player [data-track=before]")
    assert page.get_attribute("#player [data-track=before]", "aria-pressed") == "true"
    page.locator("#player [data-set=strength]").fill("0.4")
    assert page.inner_text("#player output") == "0.40"
    page.click("#player [data-do=in]")
    with page.expect_download() as download:
        saved(page).click()
    download.value.save_as(tmp_path / "saved.wav")
    command = [sys.executable, "-m", "dan", "denoise", "tones-wide", str(noisy), "--resample"]
    subprocess.run([*command, "-o", str(tmp_path / "direct.wav")], check=True)
    assert (tmp_path / "saved.wav").read_bytes() == (tmp_path / "direct.wav").read_bytes()


def test_a_bad_file_says_the_commands_own_sentence_and_the_page_lives_on(page, noisy, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no recording at all")
    denoise(page, tmp_path / "bad.wav")
    done(page, state="failed")
    assert "bad.wav" in page.inner_text("#denoise-status")
    page.reload()
    page.wait_for_selector("#denoise")
    denoise(page, noisy)
    done(page)


def test_a_reload_finds_the_job_and_two_tabs_queue(page, browser, address, noisy):
    second = page.context.new_page()
    second.goto(address.partition("/?")[0])
    second.wait_for_selector("#denoise")
    denoise(page, noisy)
    page.reload()
    denoise(second, noisy)
    done(page)
    drawn(page)
    done(second)


def test_a_tiny_training_runs_to_its_end_with_curves(page, tmp_path):
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector("#train")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(dump_recipe(load_recipe("tones", overrides=TINY)), encoding="utf-8")
    page.fill("#recipe input", str(recipe))
    page.press("#recipe input", "Enter")
    page.fill("#run textarea, #run input", "tiny")
    page.click("#train")
    done(page, "#train-status")
    assert "model.safetensors" in page.inner_text("#train-status")


def test_the_page_needs_no_more_width_than_a_telephone_has(browser, address):
    context = browser.new_context(viewport={"width": 320, "height": 700})
    view = context.new_page()
    view.set_default_timeout(PATIENCE_MS)
    view.goto(address)
    view.wait_for_selector("#denoise")
    assert view.evaluate("document.documentElement.scrollWidth") <= 321
    context.close()


def test_the_server_itself_answers_only_with_the_token(address):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address.partition("/?")[0])


TINY = ("training.epochs=2", "training.steps_per_epoch=3", "training.batch_size=4", "data.validation_count=8")
