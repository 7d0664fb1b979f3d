"""The gate lets in who names this server and brings its token, and nobody else, whatever the route."""

import asyncio
from typing import Any

import pytest

from audiotag.ui.gate import Access, Gate

TOKEN = "a-token-of-some-length"
COOKIE = f"audiotag-8501={Access(TOKEN).cookie}"
ROUTES = (
    "/",
    "/tag",
    "/static/js/index.js",
    "/media/0123.wav",
    "/component/audiotag-player/index.js",
    "/_stcore/host-config",
    "/_stcore/upload_file/session/file",
    "/_stcore/metrics",
)


def ask(access: Access, path: str = "/", kind: str = "http", query: str = "", **headers: str) -> tuple[Any, dict, str]:
    """Status (or type of the WebSocket's answer), headers and body of the answer to one request."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the app"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the gate reads no body")

    headers = {"host": "127.0.0.1:8501"} | headers
    scope = {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value],
        "server": ("127.0.0.1", 8501),
    }
    asyncio.run(Gate(app, access)(scope, receive, send))  # type: ignore[arg-type]
    if sent[0]["type"] != "http.response.start":
        return sent[0]["type"], {}, ""
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", [*ROUTES, "/_stcore/health", "/_stcore/stream"])
@pytest.mark.parametrize("header", ["host", "origin"])
def test_another_name_is_refused_on_every_route_even_with_the_cookie(kind: str, path: str, header: str) -> None:
    foreign = "evil.example:8501" if header == "host" else "http://evil.example:8501"
    status, _, body = ask(Access(TOKEN), path, kind, cookie=COOKIE, **{header: foreign})
    assert status == (403 if kind == "http" else "websocket.close")
    assert "the app" not in body
    assert ask(Access(""), path, kind, **{header: foreign})[0] == status


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "localhost:port",
        "localhost/x",
        "2130706433",
    ],
)
def test_what_is_no_name_of_this_machine_is_refused(host: str) -> None:
    assert ask(Access(""), host=host)[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost", "LOCALHOST:9000", "localhost.", "[::1]:8501"])
def test_every_name_of_loopback_is_let_in_at_any_port_as_tunnels_have_it(host: str) -> None:
    status, _, body = ask(Access(""), host=host)
    assert (status, body) == (200, "the app")


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:9999", "http://localhost:8501", "null", "https://evil.example", "http://["]
)
def test_a_page_of_another_port_or_name_is_refused(origin: str) -> None:
    assert ask(Access(TOKEN), "/_stcore/stream", "websocket", cookie=COOKIE, origin=origin)[0] == "websocket.close"
    assert ask(Access(TOKEN), cookie=COOKIE, origin=origin)[0] == 403


def test_own_pages_reach_the_app() -> None:
    status, _, _ = ask(Access(TOKEN), "/media/1.wav", cookie=f"other=1; {COOKIE}", origin="http://127.0.0.1:8501")
    assert status == 200


def test_a_shared_app_answers_under_addresses_and_its_own_names_only() -> None:
    access = Access("", ("studio.example",), any_address=True)
    assert [ask(access, host=host)[0] for host in ("10.1.2.3:8501", "studio.example", "[fe80::1]:8501")] == [200] * 3
    assert ask(access, host="evil.example")[0] == 403


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("cookie", ["", "audiotag-8501=", "audiotag-8501=0", f"audiotag-8502={Access(TOKEN).cookie}"])
def test_without_the_cookie_of_this_server_a_page_asks_for_the_token(path: str, cookie: str) -> None:
    status, _, body = ask(Access(TOKEN), path, cookie=cookie)
    assert status == 403
    assert "paste its token here" in body
    assert TOKEN not in body


def test_without_the_cookie_the_websocket_is_refused() -> None:
    assert ask(Access(TOKEN), "/_stcore/stream", "websocket")[0] == "websocket.close"
    assert ask(Access(TOKEN), "/_stcore/stream", "websocket", query=f"token={TOKEN}")[0] == "websocket.close"


def test_health_needs_no_token() -> None:
    assert ask(Access(TOKEN), "/_stcore/health")[0] == 200
    assert ask(Access(TOKEN), "/_stcore/health/../metrics")[0] == 403


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_address() -> None:
    status, headers, body = ask(Access(TOKEN), "/dataset", query=f"tab=Clips&token={TOKEN}")
    cookie = headers[b"set-cookie"].decode()
    assert status == 200
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie + body
    assert 'href="/dataset?tab=Clips"' in body
    assert ask(Access(TOKEN), cookie=cookie.split(";")[0])[2] == "the app"


def test_a_wrong_token_opens_nothing() -> None:
    status, headers, body = ask(Access(TOKEN), query="token=wrong&tab=%22%3E%3Cscript%3E")
    assert status == 403
    assert b"set-cookie" not in headers
    assert "<script>" not in body
    assert ask(Access(TOKEN), query="token=w%C3%B6")[0] == 403


def test_the_page_after_the_token_is_never_on_another_host() -> None:
    _, _, body = ask(Access(TOKEN), "//evil.example/x", query=f"token={TOKEN}")
    assert 'href="/evil.example/x"' in body


def test_answers_forbid_requests_to_other_hosts() -> None:
    for access in (Access(TOKEN), Access("")):
        policy = ask(access)[1][b"content-security-policy"].decode()
        assert "img-src 'self' data: blob:" in policy
        assert "http" not in policy
