"""moto's S3 as a program, with one thing more: of several conditional writes at once one wins, as in a real S3.

moto looks whether an object is there, and writes it a moment later; between the two another thread may do the same. Here such requests come one after
the other: ``python moto_server.py PORT``.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")


def main(port: int) -> None:
    """Serve until the process is ended."""
    os.environ["MOTO_PORT"] = str(port)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    moto = DomainDispatcherApplication(create_backend_app)
    one_at_a_time = threading.Lock()

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD") or not any(one in environ for one in CONDITIONS):
            return moto(environ, start)
        with one_at_a_time:
            return list(moto(environ, start))

    run_simple("127.0.0.1", port, answer, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(int(sys.argv[1]))
