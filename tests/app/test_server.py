"""The page's door: its token, its host, and nothing from elsewhere."""

import pytest

from dan.core.errors import DanError

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
import gradio as gr
from fastapi.testclient import TestClient

from dan.app.jobs import Jobs
from dan.app.page import build
from dan.app.server import _listen, protected
from dan.app.workspace import Workspace


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with Workspace() as workspace, Jobs() as jobs, Jobs() as samples:
        page = build(workspace, jobs, samples, model=None, folder=folder)
        app = protected(page, workspace, "secret")
        yield TestClient(app, base_url="http://127.0.0.1:7000")


def test_without_the_token_nothing_is_shown(client):
    client.cookies.clear()
    for path in ("/", "/gradio_api/info", "/config", "/?token=wrong"):
        answer = client.get(path)
        assert answer.status_code == 403 and "token" in answer.text


def test_with_the_token_the_page_is_shown_and_may_load_nothing_from_elsewhere(client):
    client.cookies.clear()
    answer = client.get("/?token=secret")
    assert answer.status_code == 200 and "token=secret" not in str(answer.url)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy


@pytest.mark.parametrize(
    "host", ["evil.example:7000", "evil.example", "127.0.0.1.example", "localhost:x", ""]
)
def test_another_name_of_this_machine_is_refused(client, host):
    answer = client.get("/?token=secret", headers={"host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:8000"])
def test_this_machine_is_taken_by_its_names_at_any_port(client, host):
    client.cookies.clear()
    answer = client.get("/?token=secret", headers={"host": host}, follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["set-cookie"].startswith(f"dan-token-{host.partition(':')[2] or 80}=secret")


def test_a_token_that_is_not_ascii_is_a_wrong_one(client):
    client.cookies.clear()
    assert client.get("/?token=%C3%A9").status_code == 403
    for cookie in ("é".encode(), "é".encode("latin-1")):
        answer = client.get("/", headers={"cookie": b"dan-token-7000=" + cookie})
        assert answer.status_code == 403


def test_two_pages_in_one_browser_do_not_lock_each_other_out():
    with Workspace() as workspace:
        pages = [
            TestClient(protected(gr.Blocks(), workspace, f"of-{port}"), base_url=f"http://127.0.0.1:{port}")
            for port in (7000, 7001)
        ]
        pages[1].cookies.jar = pages[0].cookies.jar
        for page in pages:
            assert page.get(f"/?token=of-{page.base_url.port}").status_code == 200
        assert [page.get("/").status_code for page in pages] == [200, 200]


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_wrong_port_is_refused_in_words(port):
    with pytest.raises(DanError, match="0 and 65535"):
        _listen(port)


def test_a_taken_port_is_refused_in_words():
    with _listen(0) as first, pytest.raises(DanError, match="taken"):
        first.listen()
        _listen(first.getsockname()[1])
