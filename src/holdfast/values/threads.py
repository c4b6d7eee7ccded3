"""Work that a second thread does ahead of the one that needs it.

The one rule: only for jobs that let the interpreter go on while they read or compute, and each is done once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Once:
    """A job that is done once, by whoever comes first; others wait until it is done. What it raises reaches everyone who asks."""

    __slots__ = ("_done", "_error", "_job", "_lock")

    def __init__(self, job: Callable[[], Any]) -> None:
        self._job = job
        self._lock = threading.Lock()
        self._done = False
        self._error: BaseException | None = None

    def do(self) -> None:
        """Do it, unless it is done."""
        if not self._done:
            with self._lock:
                if not self._done:
                    try:
                        self._job()
                    except BaseException as error:
                        self._error = error
                    self._done = True
        if self._error is not None:
            raise self._error


class Ahead:
    """A thread that does jobs in order."""

    def __init__(self, jobs: list[Once]) -> None:
        self._stopped = False
        self._thread = threading.Thread(target=self._work, args=(jobs,), name="holdfast-ahead", daemon=True)
        self._thread.start()

    def _work(self, jobs: list[Once]) -> None:
        for job in jobs:
            if self._stopped:
                return
            try:
                job.do()
            except BaseException:
                return  # whoever asks for it gets the error

    def stop(self) -> None:
        """Begin no further job, and return when the last one is done."""
        self._stopped = True
        self._thread.join()
