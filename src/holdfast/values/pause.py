"""Pausing the cyclic garbage collector while many objects that all stay alive are made.

A walk or a build makes hundreds of thousands of containers of which none is garbage. The collector looks at all of them,
again and again, which takes several times as long as the work itself.

The one rule: whoever pauses resumes, in any thread and after any error, and a collector that was off stays off.
"""

from __future__ import annotations

import gc
import threading
from types import TracebackType

_lock = threading.Lock()
_depth = 0
_was_on = False


class Paused:
    """``with Paused():`` no collection starts in the block. Blocks may nest, and may overlap in several threads."""

    __slots__ = ()

    def __enter__(self) -> None:
        global _depth, _was_on
        with _lock:
            if not _depth:
                _was_on = gc.isenabled()
                gc.disable()
            _depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        global _depth
        with _lock:
            _depth -= 1
            if not _depth and _was_on:
                gc.enable()
