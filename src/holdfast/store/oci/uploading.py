"""A blob goes into a registry: asked for first, large ones in parts, each part sent again from where it got lost.

The one rule: whether a blob is there is what the registry says when it is asked for it, never what an upload answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from holdfast.errors import Corrupt, NotFound, Unavailable
from holdfast.store.oci.http import Client, location
from holdfast.store.oci.making import Pieces

CHUNK = 64 * 1024 * 1024
"""Bytes that are sent at a time: a registry forgets nothing of an upload but the part that was on its way."""


def upload(client: Client, repo: str, sha: str, pieces: Pieces, size: int, others: Iterable[str] = ()) -> bool:
    """Send a blob that is not there, unless the registry has it in another repository and lets it stand in this one as well.

    Args:
        client: of the registry.
        repo: the repository.
        sha: its SHA-256.
        pieces: gives its bytes, as often as they are sent.
        size: how many they are.
        others: repositories that may have it.

    Returns:
        Whether it was sent.

    Raises:
        Unavailable: the registry does not take it.
    """
    scope = f"repository:{repo}:pull,push"
    if _has(client, repo, scope, sha, size) or any(_mounted(client, repo, scope, sha, size, other) for other in others):
        return False
    start = location(client.ask("POST", f"/v2/{repo}/blobs/uploads/", scope, fine=(202,)))
    if size > CHUNK:
        try:
            start = _send_chunks(client, start, scope, pieces)
        except _NoChunks:
            start = location(client.ask("POST", f"/v2/{repo}/blobs/uploads/", scope, fine=(202,)))
        else:
            _close(client, start, scope, sha, None, 0)
            return True
    try:
        _close(client, start, scope, sha, pieces, size)
    except Unavailable:
        # the answer may have got lost, and an upload is not opened twice under one address
        with suppress(NotFound):
            client.ask("HEAD", f"/v2/{repo}/blobs/sha256:{sha}", scope)
            return True
        start = location(client.ask("POST", f"/v2/{repo}/blobs/uploads/", scope, fine=(202,)))
        _close(client, start, scope, sha, pieces, size)
    return True


def _has(client: Client, repo: str, scope: str, sha: str, size: int) -> bool:
    with suppress(NotFound):
        return client.ask("HEAD", f"/v2/{repo}/blobs/sha256:{sha}", scope).headers.get("content-length") == str(size)
    return False


def _mounted(client: Client, repo: str, scope: str, sha: str, size: int, other: str) -> bool:
    """Say whether a blob of another repository stands in this one now. Who may not look there sends it."""
    with suppress(NotFound, Unavailable):
        if _has(client, other, f"repository:{other}:pull", sha, size):
            # 202 is an upload that was begun instead, which the registry forgets by itself
            client.ask("POST", f"/v2/{repo}/blobs/uploads/?mount=sha256:{sha}&from={other}", f"{scope} repository:{other}:pull", fine=(201, 202))
            return _has(client, repo, scope, sha, size)
    return False


def _close(client: Client, where: str, scope: str, sha: str, pieces: Pieces | None, size: int) -> None:
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    client.ask("PUT", f"{where}{'&' if '?' in where else '?'}digest=sha256:{sha}", scope, headers=headers, body=pieces, fine=(201,), again=False)


def _send_chunks(client: Client, where: str, scope: str, pieces: Pieces) -> str:
    """Send a blob in parts; returns where it is closed."""
    at = 0
    for chunk in _chunks(pieces()):
        size = sum(map(len, chunk))
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size), "Content-Range": f"{at}-{at + size - 1}"}
        try:
            answer = client.ask("PATCH", where, scope, headers=headers, body=lambda chunk=chunk: iter(chunk), fine=(201, 202, 204, 404, 405), again=False)  # type: ignore[misc]
            if answer.status in (404, 405):
                raise _NoChunks
            where = location(answer)
        except Unavailable:
            # what came of this part is asked for, and the rest sent again
            answer = client.ask("GET", where, scope, fine=(204,))
            where = location(answer)
            end = answer.headers.get("range", "0-0").rpartition("-")[2]
            have = int(end) + 1 - at if re.fullmatch("[1-9][0-9]{0,17}", end) else 0
            if not 0 <= have <= size:
                raise Corrupt(f"the registry says that it has {int(end) + 1} bytes of an upload of which it was sent {at} to {at + size}", file=client.shown) from None
            if have < size:
                rest = b"".join(bytes(piece) for piece in chunk)[have:]
                headers = {**headers, "Content-Length": str(len(rest)), "Content-Range": f"{at + have}-{at + size - 1}"}
                where = location(client.ask("PATCH", where, scope, headers=headers, body=lambda rest=rest: iter([rest]), fine=(201, 202, 204), again=False))  # type: ignore[misc]
        at += size
    return where


class _NoChunks(Exception):
    """The registry takes a blob in one piece alone."""


def _chunks(pieces: Iterator[Any]) -> Iterator[list[Any]]:
    held: list[Any] = []
    size = 0
    for piece in pieces:
        if held and size + len(piece) > CHUNK:
            yield held
            held, size = [], 0
        held.append(piece)
        size += len(piece)
    if held:
        yield held
