"""Let in only those who may use the app: a layer before everything that the server answers, its WebSocket included.

Three things are asked of each request. Its ``Host`` must be a name of this server: a page of another host whose name
leads to this machine (DNS rebinding) is refused. Its ``Origin``, if it has one, must be that same host and port, so
that no other page reaches the app through the user's browser. And it must bring the token that was printed when the
server was started: once in the address, later in a cookie. Only the health check needs no token.

Answers get a Content-Security-Policy: even a page that contained foreign HTML could not fetch anything elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEALTH = "/_stcore/health"
TOKEN = "token"  # parameter of the address
POLICY_VIOLATION = 1008  # close code of a WebSocket
# Streamlit's own scripts need inline code and eval; what matters is that pages can only talk to this server.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>audiotag</title>{head}
<meta name="viewport" content="width=device-width"><style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem }}
input, button {{ font: inherit; padding: .3rem .6rem }}</style></head><body><main>{body}</main></body></html>"""
ASK_FOR_TOKEN = """<h1>audiotag</h1><p>{reason} The address with the token is in the terminal in which
<code>audiotag app</code> was started. Open that address, or paste its token here:</p>
<form method="get">{fields}<label>Token <input name="token" type="password" autocomplete="off" required autofocus>
</label> <button>Open</button></form>"""


@dataclass(frozen=True)
class Access:
    """Who may use the app.

    Attributes
    ----------
    token : str
        Secret that requests must bring; empty where none is asked for.
    hosts : tuple[str, ...]
        Names of this server besides those of loopback, in small letters.
    any_address : bool
        Whether the host may be any IP address. An address in digits cannot be rebound, unlike a name.
    """

    token: str
    hosts: tuple[str, ...] = ()
    any_address: bool = False

    def allows_host(self, host: str) -> bool:
        """Whether a ``Host`` header names this server; its port may differ, as it does behind a tunnel.

        >>> access = Access("secret")
        >>> access.allows_host("localhost:8501"), access.allows_host("[::1]:8501"), access.allows_host("evil.example")
        (True, True, False)
        """
        try:
            parts = urlsplit(f"//{host}")
            name = (parts.hostname or "").rstrip(".")
            plain = parts.netloc == host and parts.username is None and (parts.port or True)
        except ValueError:
            return False
        if not plain:
            return False
        if name in LOOPBACK or name in self.hosts:
            return True
        return self.any_address and _is_address(name)

    def allows_token(self, token: str) -> bool:
        """Whether this is the token; the comparison takes as long for every wrong one."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    @property
    def cookie(self) -> str:
        """Value of the cookie of those who have shown the token."""
        return hashlib.blake2b(b"cookie", key=self.token.encode()[:64], digest_size=32).hexdigest()

    def allows_cookie(self, value: str) -> bool:
        """Whether this is the value of the cookie."""
        return hmac.compare_digest(value.encode(), self.cookie.encode())


class Gate:
    """An ASGI application that answers itself, or passes the request on to the app."""

    def __init__(self, app: App, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts, origins = ([value for key, value in headers if key == name] for name in (b"host", b"origin"))
        if len(hosts) != 1 or not self.access.allows_host(hosts[0]) or not _same_origin(origins, hosts[0]):
            await _refuse(scope, send, "This server does not answer under this name. ")
            return
        cookies = [value for key, value in headers if key == b"cookie"]
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == TOKEN]
        others = [(name, value) for name, value in query if name != TOKEN]
        if scope["type"] == "http" and self.access.token and given and self.access.allows_token(given[-1]):
            await self._welcome(scope, send, others)
        elif not self.access.token or scope["path"] == HEALTH or self._has_cookie(scope, cookies):
            await self.app(scope, receive, _with_headers(send))
        else:
            reason = "This token is not the one of this server." if given else "This page needs a token."
            fields = "".join(
                f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
                for name, value in others
            )
            await _refuse(scope, send, PAGE.format(head="", body=ASK_FOR_TOKEN.format(reason=reason, fields=fields)))

    def _has_cookie(self, scope: Scope, cookies: list[str]) -> bool:
        name = _cookie_name(scope)
        pairs = [pair.strip().partition("=") for line in cookies for pair in line.split(";")]
        return any(key == name and self.access.allows_cookie(value) for key, _, value in pairs)

    async def _welcome(self, scope: Scope, send: Send, query: list[tuple[str, str]]) -> None:
        """Set the cookie, and open the page without the token in its address.

        The browser is sent on by a page, not by a redirect: after a click on another site's link a redirect would not
        bring a cookie that is for this site alone.
        """
        path = "/" + quote(scope["path"].lstrip("/\\"))  # two slashes would name another host
        target = html.escape(path + ("?" + urlencode(query) if query else ""))
        page = PAGE.format(
            head=f'<meta http-equiv="refresh" content="0; url={target}">',
            body=f'<p><a href="{target}">Open audiotag</a></p>',
        )
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{_cookie_name(scope)}={self.access.cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"
        await _answer(send, 200, page, [(b"set-cookie", cookie.encode())])


def _cookie_name(scope: Scope) -> str:
    """Name of the cookie: a browser sends the cookies of one host to all its ports, so the name has the port."""
    return f"audiotag-{(scope.get('server') or ('', 0))[1]}"


def _same_origin(origins: list[str], host: str) -> bool:
    """Whether a request comes from this server's own page, or from no page at all."""
    try:
        return all(urlsplit(origin).netloc.lower() == host.lower() for origin in origins)
    except ValueError:  # not an address, such as "http://["
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    """``send`` that adds `SECURITY_HEADERS` to each answer."""

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
        await send(message)

    return send_with_headers


async def _refuse(scope: Scope, send: Send, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        await _answer(send, 403, text)


async def _answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    body = text.encode()
    own = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    start = {"type": "http.response.start", "status": status, "headers": [*own, *SECURITY_HEADERS, *(headers or ())]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
