"""Real servers for the tests of buckets, started from ``.ci/servers.sh``.

The one rule: a server that is not installed is a skipped test that says how to install it, and one that does not start is a failure.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import hmac
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import obstore
import pytest

from holdfast.store.blobs.places import bucket
from holdfast.store.blobs.remote import RemoteBlobs

SCRIPT = Path(__file__).parent.parent.parent / ".ci" / "servers.sh"
AZURITE = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PROGRAMS = {"radosgw": "radosgw", "s3rver": "s3rver", "azurite": "azurite-blob"}
CREATES = {"radosgw": True, "s3rver": False, "azurite": True}
"""Whether a conditional PUT has one winner there; as of radosgw 16.2.15, s3rver 3.7.1 and azurite 3.37.0."""
ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Real(NamedTuple):
    """A server that runs, with a bucket."""

    address: str
    options: dict[str, Any]

    def place(self, prefix: str) -> RemoteBlobs:
        return bucket(self.address.replace("PREFIX", prefix), self.options)


@contextlib.contextmanager
def running(name: str, folder: Path) -> Iterator[Real]:
    """Start a server, make a bucket, and end the server."""
    if shutil.which(PROGRAMS[name]) is None:
        pytest.skip(f"{name} is not installed; .ci/servers.sh install")
    port = _free()
    with (
        (folder / "said.txt").open("w+b") as said,
        subprocess.Popen([str(SCRIPT), name, str(folder / "data"), str(port)], stdin=subprocess.DEVNULL, stdout=said, stderr=said) as server,
    ):
        try:
            for _ in range(600):
                if server.poll() is not None:
                    pytest.fail(f"{name} ended: {(folder / 'said.txt').read_text(errors='replace')[-2000:]}")
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.2)
            else:
                pytest.fail(f"{name} does not listen: {(folder / 'said.txt').read_text(errors='replace')[-2000:]}")
            yield _MAKE[name](f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(30)


def _free() -> int:
    """Return a port that is free, and the next one too, which the monitor of Ceph takes; below those that the system gives to others."""
    while True:
        port = random.randrange(12_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
            return port


def _s3(endpoint: str, key: str, secret: str, make: bool) -> Real:
    made = Real(f"s3://bucket/PREFIX?endpoint={endpoint}", {"access_key_id": key, "secret_access_key": secret})
    if make:
        url = obstore.sign(made.place("x")._store, "PUT", "", datetime.timedelta(minutes=5))
        ask(urllib.request.Request(url, method="PUT"), timeout=60).close()
    return made


def _azure(endpoint: str) -> Real:
    account, date = "devstoreaccount1", datetime.datetime.now(datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    told = f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-08-06\n/{account}/{account}/bucket\nrestype:container"
    signed = base64.b64encode(hmac.new(base64.b64decode(AZURITE), told.encode(), hashlib.sha256).digest()).decode()
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": f"SharedKey {account}:{signed}", "Content-Length": "0"}
    ask(urllib.request.Request(f"{endpoint}/{account}/bucket?restype=container", method="PUT", headers=headers), timeout=60).close()
    return Real(f"az://bucket/PREFIX?account_name={account}&endpoint={endpoint}/{account}", {"account_key": AZURITE})


_MAKE = {
    "radosgw": lambda endpoint: _s3(endpoint, "key", "secretsecret", True),
    "s3rver": lambda endpoint: _s3(endpoint, "S3RVER", "S3RVER", False),
    "azurite": _azure,
}
