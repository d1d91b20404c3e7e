"""The page's server: on this machine only, for who has its address with the token in it."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["GRADIO_RUN_HISTORY"] = "False"  # nothing of what is done stays in the browser

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from dan.app.jobs import Jobs
from dan.app.page import CSS, build, theme
from dan.app.workspace import Workspace
from dan.core.errors import DanError

HOST = "127.0.0.1"
ADDRESS = re.compile(rf"(?:{re.escape(HOST)}|localhost)(?::(\d+))?", re.ASCII)
"""This machine as a browser names it, and the port where that is not 80."""
COOKIE = "dan-token"
"""Cookie of the token; the port follows, as browsers do not tell the pages of one host apart by it."""
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self' data: blob:",
        "frame-ancestors 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    ]
)
"""Content-Security-Policy: the browser itself refuses whatever would come from elsewhere."""

Next = Callable[[Request], Awaitable[Response]]


def serve(*, model: str | None, port: int, folder: Path, say: Callable[[str], None]) -> None:
    """Serve the page until the process is told to end, by Ctrl-C or a signal; then jobs are stopped.

    Args:
        model: the one chosen at first; None for a shipped one.
        port: 0 takes a free one.
        folder: where run folders and votes go.
        say: called with the page's address, and at the end with what goes on with a training.

    Raises:
        DanError: if the port is taken.
    """
    listener = _listen(port)
    token = secrets.token_urlsafe(16)
    with Workspace() as workspace, Jobs() as jobs, Jobs() as samples:
        gr.set_static_paths([])
        os.environ["GRADIO_TEMP_DIR"] = str(workspace.uploads)
        app = protected(build(workspace, jobs, samples, model=model, folder=folder), workspace, token)
        say(f"http://{HOST}:{listener.getsockname()[1]}/?token={token}")
        try:
            _server(app).run(sockets=[listener])
        finally:
            for job in jobs.all.values():
                if job.kind == "train" and not job.is_over:
                    say(f"Stopped before the end; this goes on: {job.details['command']}")


def _server(app: FastAPI) -> uvicorn.Server:
    """Return a server that ends on Ctrl-C although a tab listens to it."""
    config = uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    return uvicorn.Server(config)


def protected(page: gr.Blocks, workspace: Workspace, token: str) -> FastAPI:
    """Return the application: the page behind its token, and nothing from elsewhere."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, forward: Next) -> Response:
        address = ADDRESS.fullmatch(request.headers.get("host") or "")
        if address is None:  # another name for this machine: DNS rebinding
            return PlainTextResponse("This page is for this machine only.", status_code=403)
        cookie = f"{COOKIE}-{address[1] or 80}"
        if _is_same(request.query_params.get("token", ""), token):
            response: Response = RedirectResponse(request.url.path)
            response.set_cookie(cookie, token, httponly=True, samesite="strict")
            return response
        if not _is_same(request.cookies.get(cookie, ""), token):
            return PlainTextResponse(
                "Open the address that `dan app` printed: it holds the token of this page.", status_code=403
            )
        response = await forward(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    page.queue(default_concurrency_limit=8)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=HOST,
        theme=theme(),
        css=CSS,
        allowed_paths=[str(workspace.folder)],
        show_error=True,
        footer_links=[],
        ssr_mode=False,
        pwa=False,
    )
    return mounted


def _is_same(given: str, token: str) -> bool:
    """Compare a token in a time that does not tell how much of it is right."""
    return secrets.compare_digest(given.encode(), token.encode())


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # who comes before the server is up waits for it
    except (OSError, OverflowError) as error:
        reason = "it lies between 0 and 65535" if not 0 <= port <= 65535 else "it is taken or not allowed"
        raise DanError(f"--port {port}", reason, "Give another, or 0 for a free one") from error
    return listener
