"""Servers for the tests of places: a small S3 of our own that can be told to lie, and a proxy that cuts answers.

The one rule: they say what they were asked, so that a test can see what was really sent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class StubS3(ThreadingHTTPServer):
    """An S3 server in this process: one bucket, objects in memory.

    Attributes:
        objects: name -> bytes.
        honours: whether it obeys ``If-None-Match: *``; s3rver, for one, writes over what is there.
        blind: whether what was written is seen afterwards.
        answers: status codes that the next requests get instead of an answer.
        asked: (method, path, headers) of every request.
        uploads: those that were begun, and neither ended nor taken away.
    """

    daemon_threads = True

    def __init__(self, bucket: str = "bucket", honours: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bucket = bucket
        self.honours = honours
        self.blind = False
        self.cut_size: int | None = None
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.answers: list[int] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        pass  # a connection that the proxy cut

    def methods(self) -> list[str]:
        return [method for method, _, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StubS3

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body)), "ETag": '"1"', "Last-Modified": "Sun, 22 Nov 2026 03:48:02 GMT"} | {k.replace("_", "-"): v for k, v in headers.items()}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _go(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        _, bucket, *rest = unquote(parts.path).split("/", 2)
        name = rest[0] if rest else ""
        with server.lock:
            server.asked.append((self.command, self.path, dict(self.headers)))
            if server.answers:
                self._answer(server.answers.pop(0), b"<Error><Code>Told</Code></Error>")
            elif bucket != server.bucket:
                self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            elif "list-type" in query:
                self._list(query)
            elif "uploads" in query or "uploadId" in query:
                self._multipart(name, query, body)
            else:
                getattr(self, f"_{self.command.lower()}")(name, body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _go

    def _list(self, query: dict[str, str]) -> None:
        names = sorted(name for name in self.server.objects if name.startswith(query.get("prefix", "")) and name > query.get("continuation-token", ""))
        page = names[: int(query.get("max-keys", 3))]
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>2026-11-22T03:48:02.000Z</LastModified><Size>{len(self.server.objects[name])}</Size></Contents>" for name in page
        )
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(page) < len(names) else "<IsTruncated>false</IsTruncated>"
        self._answer(200, f"<ListBucketResult>{more}{rows}</ListBucketResult>".encode())

    def _multipart(self, name: str, query: dict[str, str], body: bytes) -> None:
        uploads = self.server.uploads
        if self.command == "POST" and "uploads" in query:
            id_ = str(len(uploads) + len(self.server.asked))
            uploads[id_] = {}
            self._answer(200, f"<InitiateMultipartUploadResult><UploadId>{id_}</UploadId></InitiateMultipartUploadResult>".encode())
        elif self.command == "PUT":
            uploads[query["uploadId"]][int(query["partNumber"])] = body
            self._answer(200)
        elif self.command == "POST":
            held = uploads.pop(query["uploadId"])
            self.server.objects[name] = b"".join(held[number] for number in sorted(held))
            self._answer(200, b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")
        else:
            uploads.pop(query["uploadId"], None)
            self._answer(204)

    def _put(self, name: str, body: bytes) -> None:
        server = self.server
        if server.honours and self.headers.get("If-None-Match") == "*" and name in server.objects:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        if not server.blind:
            server.objects[name] = body[: server.cut_size]
        self._answer(200)

    def _get(self, name: str, _: bytes) -> None:
        data = self.server.objects.get(name)
        if data is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif (asked := self.headers.get("Range")) is not None:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1, len(data))
            self._answer(206, data[int(first) : end], Content_Range=f"bytes {first}-{end - 1}/{len(data)}")
        else:
            self._answer(200, data)

    def _head(self, name: str, _: bytes) -> None:
        data = self.server.objects.get(name)
        self._answer(200 if data is not None else 404, data or b"")

    def _delete(self, name: str, _: bytes) -> None:
        self.server.objects.pop(name, None)
        self._answer(204)


class CuttingProxy:
    """A proxy of TCP that breaks connections: after so many bytes of an answer, so many times.

    Attributes:
        cuts: how many answers are still to be broken.
        after: bytes of an answer that come through before.
        skip: small answers that are let through before the first that is broken.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.cuts = 0
        self.after = 0
        self.skip = 0
        self.made = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self, times: int, after: int = 0, skip: int = 0) -> None:
        self.after, self.skip, self.cuts = after, skip, times

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._end(client, server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        through = 0
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.cuts > 0 and self.skip > 0:
                    self.skip -= 1
                elif self.cuts > 0 and through + len(data) > self.after:
                    client.sendall(data[: max(0, self.after - through)])
                    self.cuts -= 1
                    self.made += 1
                    break
                client.sendall(data)
                through += len(data)
        self._end(client, server)

    @staticmethod
    def _end(*both: socket.socket) -> None:
        for one in both:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextlib.contextmanager
def stub(**options: Any) -> Iterator[StubS3]:
    server = StubS3(**options)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
