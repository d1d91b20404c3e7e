"""The static page: a file goes through a model in the browser, and comes out as from the package."""

import functools
import importlib.util
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


def test_a_file_comes_out_as_from_the_package(page, tmp_path):
    folder, address = page
    samples = (0.2 * np.random.default_rng(0).standard_normal(RATE_HZ + 77)).astype(np.float32)
    write(tmp_path / "noisy.wav", samples, sample_rate_hz=RATE_HZ)
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        view, outside = browser.new_page(), []
        view.on("request", lambda request: outside.append(request.url))
        view.set_default_timeout(90_000)
        view.goto(address)
        playwright.expect(view.locator("#status")).to_contain_text("is ready", timeout=90_000)
        view.set_input_files("#file", str(tmp_path / "noisy.wav"))
        view.wait_for_selector("#result:not([hidden])")
        with view.expect_download() as download:
            view.click("#save")
        download.value.save_as(tmp_path / "denoised.wav")
        browser.close()
    assert all(url.startswith(("http://127.0.0.1:", "blob:")) for url in outside)
    estimate = load(folder / "random.onnx")(samples, sample_rate=RATE_HZ)
    np.testing.assert_allclose(read(tmp_path / "denoised.wav").samples, estimate, atol=1e-5)
