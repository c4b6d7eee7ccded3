"""What a registry is asked over HTTP: connections kept open, tokens fetched, steps that may be repeated repeated.

Source: https://github.com/opencontainers/distribution-spec, https://distribution.github.io/distribution/spec/auth/. The one rule: a password or a token goes to the host that it was
given for, or to the one that host names for tokens, and never from HTTPS to HTTP.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from holdfast.errors import Corrupt, LimitExceeded, NotFound, Unavailable, quoted

TRIES = 4
"""How often a step is tried that may be repeated."""
PAUSE = 0.5
"""Seconds before the second try; each later pause is twice as long."""
REDIRECTS = 5
TOKEN_BYTES = 1024 * 1024
ERROR_BYTES = 2000
READ = 1024 * 1024
_AGAIN = (408, 429, 500, 502, 503, 504)
_BROKEN = (http.client.HTTPException, OSError)


class Answer(NamedTuple):
    """What a registry answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str


class Client:
    """Asks one registry.

    Attributes:
        shown: how messages call it.
    """

    def __init__(self, host: str, plain: bool, user: str | None, password: str | None, token: str | None, timeout: float) -> None:
        self.base = f"{'http' if plain else 'https'}://{host}"
        self.shown = f"oci{'+http' if plain else ''}://{host}"
        self.timeout = timeout
        self._plain = plain
        self._basic = None if user is None else "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        self._given: str | None = None if token is None else f"Bearer {token}"
        self._scopes: dict[str, str] = {}
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)

    def ask(
        self,
        method: str,
        where: str,
        scope: str,
        *,
        headers: dict[str, str] | None = None,
        body: Callable[[], Iterable[Any]] | None = None,
        most: int = ERROR_BYTES,
        fine: tuple[int, ...] = (200,),
        again: bool = True,
        into: Callable[[Any], None] | None = None,
    ) -> Answer:
        """Ask for something.

        Args:
            method: of HTTP.
            where: path, or the address that the registry gave.
            scope: what a token is asked for.
            headers: more of them; with a body, its ``Content-Length``.
            body: gives the bytes to send, as often as they are sent.
            most: bytes of an answer.
            fine: statuses that are no error.
            again: whether this may be tried again when the line breaks or the registry is busy.
            into: takes the bytes of a good answer as they come, instead of the answer's ``body``.

        Raises:
            NotFound: the registry has no such thing.
            Unavailable: it cannot be asked, or refuses.
            LimitExceeded: the answer is longer than it may be.
        """
        url = urljoin(self.base, where)
        pause = PAUSE
        for left in range(TRIES - 1, -1, -1):
            try:
                answer = self._authorized(method, url, scope, headers or {}, body, most, fine, into)
            except _BROKEN as error:
                if isinstance(error, Unavailable) or not (again and left):
                    raise error if isinstance(error, Unavailable) else Unavailable(f"the registry does not answer ({quoted(error, 200)}); try again", file=self.shown) from None
            else:
                if answer.status in fine:
                    return answer
                if not (again and left and answer.status in _AGAIN):
                    raise self._refused(method, answer)
            time.sleep(pause)
            pause *= 2
        raise AssertionError

    def _refused(self, method: str, answer: Answer) -> Exception:
        said = f"the registry answered {answer.status} to {method} {quoted(urlsplit(answer.url).path, 200)}: {quoted(answer.body.decode('utf-8', 'replace'), 300)}"
        if answer.status == 404:
            return NotFound(said, file=self.shown)
        if answer.status in (401, 403):
            return Unavailable(f"{said}; give who may do this: holdfast.store.oci.registry.Registry(address, user=..., password=...), or token=...", file=self.shown)
        return Unavailable(said, file=self.shown)

    # -- who asks ---------------------------------------------------------------------------------------------------------

    def _authorized(self, method: str, url: str, scope: str, headers: dict[str, str], body: Any, most: int, fine: tuple[int, ...], into: Any) -> Answer:
        own = self._given or self._scopes.get(scope)
        answer = self._followed(method, url, {**headers, **({"Authorization": own} if own else {})}, body, most, fine, into)
        # a host that we were sent to may ask for a password as well, and gets none
        if answer.status != 401 or self._given is not None or not answer.url.startswith(f"{self.base}/"):
            return answer
        fresh = self._allowed(answer.headers.get("www-authenticate", ""), scope)
        if fresh is None:
            return answer
        self._scopes[scope] = fresh
        return self._followed(method, url, {**headers, "Authorization": fresh}, body, most, fine, into)

    def _allowed(self, challenge: str, scope: str) -> str | None:
        """Return the header that answers a challenge, or None when nothing is known that does."""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            return self._basic
        if kind.lower() != "bearer":
            return None
        told = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = urlsplit(told.get("realm", ""))
        if realm.scheme not in (("http", "https") if self._plain else ("https",)) or not realm.hostname:
            raise Unavailable(f"the registry wants a password to be sent to {quoted(told.get('realm'), 100)!r}, which is not safe; nothing was sent", file=self.shown)
        # each scope by itself: not every server takes several in one
        asked = [*([("service", told["service"])] if "service" in told else []), *(("scope", one) for one in (told.get("scope") or scope).split())]
        url = f"{realm.geturl()}{'&' if realm.query else '?'}{urlencode(asked)}"
        answer = self._once("GET", urlsplit(url), {"Authorization": self._basic} if self._basic else {}, None, TOKEN_BYTES, (200,), None)
        if answer.status != 200:
            raise self._refused("GET", answer)
        try:
            found = json.loads(answer.body)
            token = found.get("token") or found["access_token"]
        except (ValueError, AttributeError, KeyError, RecursionError):
            token = None
        if type(token) is not str or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Unavailable("the registry's answer to the request for a token cannot be read", file=self.shown)
        return f"Bearer {token}"

    # -- one exchange -----------------------------------------------------------------------------------------------------

    def _followed(self, method: str, url: str, headers: dict[str, str], body: Any, most: int, fine: tuple[int, ...], into: Any) -> Answer:
        for _ in range(REDIRECTS):
            parts = urlsplit(url)
            if parts.scheme not in (("http", "https") if self._plain else ("https",)):
                raise Unavailable(f"the registry sends us to {quoted(url, 100)!r}, which is not safe; nothing was sent there", file=self.shown)
            if f"{parts.scheme}://{parts.netloc}" != self.base:
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            answer = self._once(method, parts, headers, body, most, fine, into)
            if method not in ("GET", "HEAD") or answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
        raise Unavailable("the registry sends us from one place to the next", file=self.shown)

    def _once(self, method: str, url: SplitResult, headers: dict[str, str], body: Any, most: int, fine: tuple[int, ...], into: Any) -> Answer:
        connection = self._connection(url)
        done = False
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request(method, target, body=None if body is None else iter(body()), headers={"User-Agent": "holdfast", **({"Content-Length": "0"} if body is None and method in ("POST", "PUT") else {}), **headers})
            with connection.getresponse() as response:
                told = {name.lower(): value for name, value in response.getheaders()}
                data = b""
                if into is not None and response.status in fine:
                    while piece := response.read(READ):
                        into(piece)
                    if response.length:  # http.client counts down what is still to come
                        raise http.client.IncompleteRead(b"", response.length)
                else:
                    room = most if response.status in fine else ERROR_BYTES
                    data = response.read(room + 1)
                    if len(data) > room:
                        if response.status in fine:
                            raise LimitExceeded(f"the answer is longer than {room} bytes", file=self.shown)
                        connection.close()  # nobody wants the rest
                    elif response.length and method != "HEAD":
                        raise http.client.IncompleteRead(b"", response.length)
                done = response.will_close is False and len(data) <= most
                return Answer(response.status, told, data, url.geturl())
        finally:
            if done:
                with self._lock:
                    self._idle.setdefault(f"{url.scheme}://{url.netloc}", []).append(connection)
            else:
                with suppress(Exception):
                    connection.close()

    def _connection(self, url: SplitResult) -> http.client.HTTPConnection:
        """Return a connection to a host: one that is idle, or a new one."""
        with self._lock:
            idle = self._idle.get(f"{url.scheme}://{url.netloc}")
            if idle:
                return idle.pop()
        host = url.hostname or ""
        if url.scheme == "https":
            return http.client.HTTPSConnection(host, url.port, timeout=self.timeout, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, url.port, timeout=self.timeout)


def _close_all(held: dict[str, list[http.client.HTTPConnection]]) -> None:
    for connections in held.values():
        for connection in connections:
            connection.close()


def location(answer: Answer) -> str:
    """Return where a registry says to go on.

    Raises:
        Corrupt: it does not say.
    """
    found = answer.headers.get("location")
    if not found:
        raise Corrupt("the registry took an upload and does not say where it goes on", file=answer.url)
    return urljoin(answer.url, found)
