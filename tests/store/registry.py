"""A registry of OCI in this process, with the whims of real ones."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class StubRegistry:
    """What was put, and how it behaves.

    Attributes:
        auth: None, ``basic`` or ``bearer``.
        chunks: whether PATCH is known.
        redirect: where blobs are fetched from, or None.
        cut: bytes after which a blob's answer breaks off, once for each blob; 0 for never.
        cut_patch: bytes of a PATCH that are taken before the line breaks, once; 0 for never.
        busy: how many requests are answered with 503 first.
        realm: what is said of where tokens come from.
        mounts: whether a blob of one repository may be asked to stand in another; each has its own then. None: one holds what all hold.
        token: what is given there.
        says_where: whether it says where an upload goes on.
        has: what it says that it has of an upload, when that is not so.
    """

    def __init__(self) -> None:
        self.auth: str | None = None
        self.chunks = True
        self.redirect: str | None = None
        self.cut = self.cut_patch = self.busy = 0
        self.realm: str | None = None
        self.mounts: bool | None = None
        self.places: set[tuple[str, str]] = set()
        self.homes: dict[str, str] = {}
        self.token: Any = "good"
        self.says_where = True
        self.has: str | None = None
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.uploads: dict[str, bytearray] = {}
        self.seen: list[tuple[str, str]] = []
        self.told: list[str] = []
        self.was_cut: set[str] = set()
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def count(self, method: str, part: str) -> int:
        return sum(1 for one, path in self.seen if one == method and part in path)


def _handler(stub: StubRegistry) -> Any:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", headers.get("Content_Length", str(len(body)))) if "Content_Length" not in headers else None
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def handle_any(self) -> None:
            path, _, query = self.path.partition("?")
            stub.seen.append((self.command, self.path))
            stub.told.append(self.headers.get("Authorization", ""))
            body = b""
            size = int(self.headers.get("Content-Length") or 0)
            if self.command == "PATCH" and stub.cut_patch and size > stub.cut_patch and stub.chunks:
                found = re.fullmatch(r"/up/(.*)", path)
                stub.uploads[found[1]] += self.rfile.read(stub.cut_patch)  # type: ignore[index]
                stub.cut_patch = 0
                self.close_connection = True
                self.connection.close()
                return
            if size:
                body = self.rfile.read(size)
            if path == "/token":
                if self.headers.get("Authorization") != "Basic " + base64.b64encode(b"ann:secret").decode():
                    self.answer(401, b"wrong password")
                else:
                    self.answer(200, json.dumps({"token": stub.token}).encode())
                return
            if stub.busy:
                stub.busy -= 1
                self.answer(503, b"busy")
                return
            wanted = {"basic": "Basic " + base64.b64encode(b"ann:secret").decode(), "bearer": "Bearer good"}.get(stub.auth or "")
            if wanted and self.headers.get("Authorization") != wanted and not path.startswith("/cdn/"):
                realm = stub.realm or f"http://{stub.host}/token"
                self.answer(401, b"{}", WWW_Authenticate="Basic realm=x" if stub.auth == "basic" else f'Bearer realm="{realm}",service="stub",scope="repository:x:pull"')
                return
            self.route(path, query, body)

        def route(self, path: str, query: str, body: bytes) -> None:
            if found := re.fullmatch(r"/v2/(.+)/blobs/uploads/", path):
                wanted = re.fullmatch(r"mount=(sha256:[0-9a-f]+)&from=(.+)", query)
                if wanted and stub.mounts and (wanted[2], wanted[1]) in stub.places:
                    stub.places.add((found[1], wanted[1]))
                    self.answer(201, Location="/x")
                    return
                id_ = uuid.uuid4().hex
                stub.uploads[id_] = bytearray()
                stub.homes[id_] = found[1]
                self.answer(202, **({"Location": f"/up/{id_}?state=1"} if stub.says_where else {}))
            elif found := re.fullmatch(r"/up/(.+)", path):
                self.upload(found[1], query, body)
            elif found := re.fullmatch(r"/(?:v2/.+/blobs|cdn)/(sha256:[0-9a-f]+)", path):
                repo = path.removeprefix("/v2/").partition("/blobs/")[0]
                if stub.mounts is not None and (repo, found[1]) not in stub.places:
                    self.answer(404, b"{}")
                else:
                    self.blob(path, found[1])
            elif found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", path):
                key = (found[1], found[2])
                if self.command == "PUT":
                    told = json.loads(body)
                    missing = [one["digest"] for one in (told["config"], *told["layers"]) if one["digest"] not in stub.blobs]
                    if missing:
                        self.answer(400, f"unknown blobs {missing}".encode())
                        return
                    stub.manifests[key] = body
                    self.answer(201, Location=path)
                elif key in stub.manifests:
                    self.answer(200, stub.manifests[key], Content_Type="application/vnd.oci.image.manifest.v1+json")
                else:
                    self.answer(404, b"{}")
            elif found := re.fullmatch(r"/v2/(.+)/tags/list", path):
                tags = sorted(tag for repo, tag in stub.manifests if repo == found[1])
                start = re.search(r"last=([^&]*)", query)
                tags = [tag for tag in tags if start is None or tag > start[1]]
                more = {"Link": f'<{path}?n=2&last={tags[1]}>; rel="next"'} if len(tags) > 2 else {}
                self.answer(200, json.dumps({"name": found[1], "tags": tags[:2]}).encode(), **more)
            else:
                self.answer(404, b"{}")

        def upload(self, id_: str, query: str, body: bytes) -> None:
            held = stub.uploads.get(id_)
            if held is None:
                self.answer(404, b"{}")
            elif self.command == "GET":
                self.answer(204, Location=f"/up/{id_}?state=2", Range=stub.has or f"0-{max(0, len(held) - 1)}")
            elif self.command == "PATCH":
                if not stub.chunks:
                    self.answer(405, b"{}")
                    return
                start, _, end = self.headers["Content-Range"].partition("-")
                if int(start) != len(held) or int(end) != int(start) + len(body) - 1:
                    self.answer(416, b"{}")
                    return
                held += body
                self.answer(202, Location=f"/up/{id_}?state=3", Range=f"0-{len(held) - 1}")
            else:
                held += body
                digest = re.search(r"digest=(sha256:[0-9a-f]+)", query)[1]  # type: ignore[index]
                del stub.uploads[id_]
                if hashlib.sha256(held).hexdigest() != digest[7:]:
                    self.answer(400, b"digest")
                    return
                stub.blobs[digest] = bytes(held)
                stub.places.add((stub.homes[id_], digest))
                self.answer(201, Location="/x")

        def blob(self, path: str, digest: str) -> None:
            data = stub.blobs.get(digest)
            if data is None:
                self.answer(404, b"{}")
                return
            if self.command == "GET" and stub.redirect is not None and not path.startswith("/cdn/"):
                self.answer(307, Location=stub.redirect + digest)
                return
            start = int(re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])  # type: ignore[index]
            part = data[start:]
            with stub.lock:
                cut = self.command == "GET" and stub.cut and len(part) > stub.cut and digest not in stub.was_cut
                stub.was_cut.add(digest)
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(part[: stub.cut] if cut else part)
            if cut:
                self.close_connection = True

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any

    return Handler
