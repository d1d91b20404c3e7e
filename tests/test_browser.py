"""The static page: a file goes through a model in the browser, and comes out as from the package."""

import functools
import importlib.util
import re
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from dan.config.load import load_recipe
from dan.export.onnx import export_onnx
from dan.inference.denoiser import load
from dan.io.recordings import read, write
from dan.networks.factory import build_generator

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
    pytest.mark.skipif(
        not (ROOT / "docs/examples/node_modules/onnxruntime-web").is_dir(),
        reason="takes `npm install` in docs/examples",
    ),
]
RATE_HZ = 8000
PATIENCE_MS = 90_000


@pytest.fixture(scope="module")
def page(tmp_path_factory, card):
    """The folder of a page with one model of random weights, and its address."""
    folder = tmp_path_factory.mktemp("browser")
    recipe = load_recipe("speech-8k")
    generator = build_generator(recipe.generator, recipe.signal).eval()
    info = card(generator=recipe.generator, signal=recipe.signal, latency_samples=generator.latency_samples)
    export_onnx(generator, info, folder / "random.onnx")
    spec = importlib.util.spec_from_file_location("make_browser", ROOT / "docs" / "make_browser.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.put_together(folder / "site", [str(folder / "random.onnx")])
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder / "site"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """A browser with a microphone that beeps."""
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    arguments = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", *fake]
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def view(browser, page):
    """The page, ready; a request to anywhere else, or a script that fails, fails the test."""
    opened, outside, wrong = browser.new_page(viewport={"width": 320, "height": 640}), [], []
    opened.on("request", lambda request: outside.append(request.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.set_default_timeout(PATIENCE_MS)
    opened.goto(page[1])
    playwright.expect(opened.locator("#status")).to_contain_text("is ready", timeout=PATIENCE_MS)
    yield opened
    opened.close()
    assert all(url.startswith(("http://127.0.0.1:", "blob:")) for url in outside)
    assert wrong == []


def test_a_file_comes_out_as_from_the_package(view, page, tmp_path):
    samples = (0.2 * np.random.default_rng(0).standard_normal(RATE_HZ + 77)).astype(np.float32)
    write(tmp_path / "noisy.wav", samples, sample_rate_hz=RATE_HZ)
    view.set_input_files("#file", str(tmp_path / "noisy.wav"))
    view.wait_for_selector("#result:not([hidden])")
    estimate = load(page[0] / "random.onnx")(samples, sample_rate=RATE_HZ)
    for strength in (1, 0.25):
        view.locator("#strength").fill(str(strength))
        with view.expect_download() as download:
            view.click("#save")
        download.value.save_as(tmp_path / "denoised.wav")
        expected = strength * estimate + (1 - strength) * samples
        np.testing.assert_allclose(read(tmp_path / "denoised.wav").samples, expected, atol=1e-5)


def test_the_microphone_goes_through_the_model_hop_by_hop(view):
    view.click("#microphone")
    button, many = view.locator("#microphone[aria-pressed=true]"), re.compile(r"\d\d+")
    playwright.expect(button).to_have_attribute("data-hops", many, timeout=PATIENCE_MS)
    assert "Listening through random" in view.inner_text("#status")
    view.click("#microphone")
    view.wait_for_selector("#microphone[aria-pressed=false]")


def test_a_file_that_is_no_sound_is_refused_in_words(view, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no recording")
    view.set_input_files("#file", str(tmp_path / "bad.wav"))
    playwright.expect(view.locator("#status")).to_contain_text("bad.wav: this browser cannot read it")
    assert view.is_hidden("#progress")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_can_read_it_at_the_width_of_a_telephone_or_400_percent(scheme, view):
    view.emulate_media(color_scheme=scheme)
    view.evaluate("document.getElementById('result').hidden = false")
    assert view.evaluate("document.documentElement.scrollWidth") <= 320
    for fault in ("contrast", "nameless", "clipped"):
        script = (ROOT / "tests" / "app" / f"{fault}.js").read_text(encoding="utf-8")
        assert view.evaluate(script) == [], fault
