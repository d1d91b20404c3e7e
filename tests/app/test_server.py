"""The page's door: its token, its host, and nothing from elsewhere."""

import pytest

from dan.core.errors import DanError

pytest.importorskip("gradio", reason="pip install 'dan-denoiser[app]'")
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


def test_another_name_of_this_machine_is_refused(client):
    answer = client.get("/?token=secret", headers={"host": "evil.example:7000"})
    assert answer.status_code == 403


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_wrong_port_is_refused_in_words(port):
    with pytest.raises(DanError, match="0 and 65535"):
        _listen(port)


def test_a_taken_port_is_refused_in_words():
    with _listen(0) as first, pytest.raises(DanError, match="taken"):
        first.listen()
        _listen(first.getsockname()[1])
