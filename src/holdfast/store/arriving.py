"""What arrives in a store from elsewhere: blobs are hashed on the way, and an artifact's sections compared with its manifest.

The one rule: bytes get a blob's name after they were found to be that blob.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from typing import Any

import msgspec
from blake3 import blake3

from holdfast.artifact.load import Opening
from holdfast.errors import Corrupt, LimitExceeded, NotFound, quoted
from holdfast.store.blobs import Blobs
from holdfast.store.blobs.ranges import pieces_of
from holdfast.store.blobs.wrapped import opened_once
from holdfast.store.objects import Layout, artifact_name, blob_name, layout_name, read_layout
from holdfast.store.pieces import as_file
from holdfast.values import limits
from holdfast.values.digest import PREFIX, digest
from holdfast.values.manifest import Manifest, read_manifest

CHUNK = 8 * 1024 * 1024
"""Bytes that are read, hashed and written at a time."""
BESIDE = 4
"""Blobs that travel beside each other."""
HEARTBEAT = 60.0
"""Seconds between signs of life while blobs travel."""


def copy_blobs(source: Blobs, target: Blobs, wanted: dict[str, int], new: set[str], alive: Callable[[], Any], on_bytes: Callable[[int], None] | None) -> tuple[int, int]:
    """Bring blobs over that the target lacks.

    Args:
        source: where they are.
        target: where they go.
        wanted: digest -> bytes.
        new: those that the target's catalog did not know, so that nobody is asked whether they are there.
        alive: called now and then, in the thread of the caller.
        on_bytes: told how many more bytes are done.

    Returns:
        How many blobs travelled, and how many bytes.

    Raises:
        Corrupt: the bytes of a blob are not those that its name says.
        NotFound: a blob is not at the source.
    """
    lock = threading.Lock()
    stop = threading.Event()

    def told(count: int) -> None:
        if on_bytes is not None:
            with lock:
                on_bytes(count)

    # a place that brings a whole layer or file here before anything of it is read says itself what came
    tells = getattr(source, "tells", None)
    read = told if tells is None else None

    def one(item: tuple[str, int]) -> int:
        digest_, size = item
        if stop.is_set():
            return 0
        name = blob_name(digest_)
        if digest_ not in new and target.size(name) == size:
            told(size)
            return 0
        with opened_once(source, name) as given:
            if given.size != size:
                raise Corrupt(f"the object {name} has {given.size} bytes and not {size}; run holdfast check there", file=source.shown)
            target.put(name, given_up(compared(given, digest_, read), size), size)
        return size

    def given_up(pieces: Iterator[Any], size: int) -> Iterator[Any]:
        """Yield pieces until another blob failed, or somebody gave up; a blob whose last piece is there is finished."""
        at = 0
        for piece in pieces:
            yield piece
            at += len(piece)
            if at < size and stop.is_set():
                raise CancelledError

    if tells is not None:
        tells(told)
    with ThreadPoolExecutor(BESIDE, "holdfast-copy") as workers:
        futures = [workers.submit(one, item) for item in sorted(wanted.items(), key=lambda item: -item[1])]
        try:
            waiting: Any = futures
            while waiting:
                done, waiting = wait(waiting, HEARTBEAT, FIRST_EXCEPTION)
                for future in done:
                    future.result()
                alive()
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise
        finally:
            if tells is not None:
                tells(None)
    moved = [future.result() for future in futures]
    return sum(1 for size in moved if size), sum(moved)


def compared(given: Any, digest_: str, told: Callable[[int], None] | None = None) -> Iterator[Any]:
    """Yield the bytes of a blob; the last of them only if all are those of that digest, so that nothing else is ever whole.

    Args:
        given: the source of the blob.
        digest_: what its name says.
        told: told how many more bytes were taken.

    Raises:
        Corrupt: they are others.
    """
    hasher = blake3()
    if not given.size and digest(b"") != digest_:
        raise Corrupt(f"the object {blob_name(digest_)} is empty; run holdfast check there", file=given.name)
    at = 0
    # copies: a file that is changed meanwhile must not be hashed as one thing and written as another
    for piece in pieces_of(given, CHUNK):
        hasher.update(piece)
        at += len(piece)
        if at == given.size and PREFIX + hasher.hexdigest() != digest_:
            raise Corrupt(f"the bytes of {blob_name(digest_)} do not match their digest: damaged there, or on the way; nothing of them was kept", file=given.name)
        yield piece
        if told is not None:
            told(len(piece))


def manifest_of(blobs: Blobs, id_: str) -> tuple[bytes, Manifest]:
    """Return the manifest of an artifact: its bytes, and parsed.

    Raises:
        Corrupt: it does not match its id, or is no manifest.
        LimitExceeded: it is larger than a manifest may be.
        NotFound: there is none.
    """
    raw = _bounded(blobs, artifact_name(id_))
    if digest(raw) != id_:
        raise Corrupt(f"the object {artifact_name(id_)} does not match its digest: damaged there, or on the way", file=blobs.shown)
    try:
        return raw, read_manifest(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"the object {artifact_name(id_)} is no manifest ({quoted(error, 120)})", file=blobs.shown) from None


def layout_of(blobs: Blobs, id_: str) -> Layout:
    """Return the layout of an artifact.

    Raises:
        Corrupt: it is none, or another artifact's.
        LimitExceeded: it is larger than a layout may be.
        NotFound: there is none.
    """
    return read_layout(_bounded(blobs, layout_name(id_)), id_, blobs.shown)


def _bounded(blobs: Blobs, name: str) -> bytes:
    size = blobs.size(name)
    if size is None:
        raise NotFound(f"the object {name} is not there; run holdfast check there", file=blobs.shown)
    if size > limits.MANIFEST_BYTES:
        raise LimitExceeded(f"the object {name} has {size} bytes, more than {limits.MANIFEST_BYTES} (MANIFEST_BYTES)", file=blobs.shown)
    return blobs.get(name)


def check_sections(blobs: Blobs, raw: bytes, manifest: Manifest, where: Layout, sizes: dict[str, int]) -> None:
    """Compare every section of an artifact that lies in blobs with the manifest.

    Whole blobs are compared by name: they were hashed when they came. A layout is signed by nobody, so it could give a tensor the bytes of another.

    Args:
        blobs: where they lie.
        raw: the manifest.
        manifest: parsed.
        where: the layout.
        sizes: blob -> bytes.

    Raises:
        Corrupt: names the first section that is another.
        FormatError: manifest and layout make no file.
    """
    name = f"{blobs.shown}#{where.artifact}"
    for blob, offset, length in where.pieces:
        if offset + length > sizes.get(blob, 0):
            raise Corrupt(f"the layout wants bytes of {blob_name(blob)} that it does not have", file=name)
    with Opening(as_file(manifest, raw, where, name, lambda one: blobs.open(blob_name(one)))):
        pass  # header, manifest and seal hold
    parts = [manifest.content, *([manifest.example] if manifest.example is not None else [])]
    expected = [one for part in parts for one in (("the tree", part.tree), *((tensor[0], tensor[3]) for tensor in part.tensors))]
    reader = _Reader(blobs)
    at = 0
    try:
        for (label, wanted), count in zip(expected, where.cuts, strict=True):
            pieces = where.pieces[at : at + count]
            at += count
            whole = count == 1 and pieces[0][1] == 0 and pieces[0][2] == sizes[pieces[0][0]]
            if (pieces[0][0] if whole else reader.digest(pieces)) != wanted:
                raise Corrupt(f"the layout gives {quoted(label, 80)!r} other bytes than the manifest says; nothing of it was kept", file=name)
    finally:
        reader.close()


class _Reader:
    """Hashes pieces of blobs; keeps the last blob open, because small sections lie beside each other in one."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self.name = ""
        self.source: Any = None

    def digest(self, pieces: list[tuple[str, int, int]]) -> str:
        hasher = blake3()
        for blob, offset, length in pieces:
            if blob != self.name:
                self.close()
                self.name, self.source = blob, self.blobs.open(blob_name(blob))
            for start in range(0, length, CHUNK):
                hasher.update(self.source.private(offset + start, min(CHUNK, length - start)))
        return PREFIX + hasher.hexdigest()

    def close(self) -> None:
        if self.source is not None:
            self.source.close()
            self.source = None
