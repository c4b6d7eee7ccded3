"""Saving beside a training loop: the model is copied at once, and written while it goes on.

The one rule: what is written is the model of the moment of the call, whatever becomes of it afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.artifact.pack import Encoded
from holdfast.artifact.save import Prepared, Saved
from holdfast.values import tree as t


class Saving:
    """A save that goes on in a thread.

    Examples:
        >>> import holdfast, numpy as np, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "step.safetensors")
        >>> saving = holdfast.save({"w": np.zeros(3)}, path, wait=False)
        >>> saving.result().nbytes > 0
        True
    """

    def __init__(self, work: Callable[[], Saved]) -> None:
        self._work = work
        self._saved: Saved | None = None
        self._error: BaseException | None = None
        # not a daemon: a program that ends waits for the file
        self._thread = threading.Thread(target=self._run, name="holdfast-save")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._saved = self._work()
        except BaseException as error:  # it is raised where the result is asked for
            self._error = error

    def done(self) -> bool:
        """Say whether it has ended, well or not."""
        return not self._thread.is_alive()

    def result(self, timeout: float | None = None) -> Saved:
        """Wait for the end, and return what `holdfast.save` returns.

        Args:
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: it has not ended yet.
            Whatever the save raised.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the save has not ended after {timeout} seconds; it goes on")
        if self._error is not None:
            raise self._error
        assert self._saved is not None
        return self._saved


def copied(ready: Prepared) -> Prepared:
    """Return a prepared save whose tensors lie in memory of their own."""
    return ready._replace(content=_copied(ready.content), example=None if ready.example is None else _copied(ready.example))


def _copied(encoded: Encoded) -> Encoded:
    dumped = encoded.dumped
    dumped.tensors = [t.Tensor(one.name, one.dtype, one.shape, one.nbytes, _own(one)) for one in dumped.tensors]
    return encoded


def _own(tensor: Any) -> Callable[[], Any]:
    memory = np.empty(tensor.nbytes, np.uint8)
    end = 0
    for piece in tensor.pieces():
        flat = np.frombuffer(piece, np.uint8)
        memory[end : end + len(flat)] = flat
        end += len(flat)
    return lambda: iter((memory,)) if len(memory) else iter(())
