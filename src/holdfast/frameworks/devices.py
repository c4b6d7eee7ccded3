"""The device that tensors are put on while a model is built.

The one rule: a device that is not there, or has not the memory, is refused before anything is allocated.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from holdfast.errors import EnvironmentMissing, LibraryMissing, LimitExceeded, quoted

_DEVICE: ContextVar[Any] = ContextVar("device", default=None)


def chosen() -> Any:
    """Return the device that was asked for, or None for where tensors lie."""
    return _DEVICE.get()


@contextmanager
def on_device(name: Any, needed: int) -> Iterator[None]:
    """Put tensors of PyTorch that are built in this block on a device.

    Args:
        name: as PyTorch names it, such as ``"cuda:0"``, ``"cpu"`` or a ``torch.device``; None for nothing.
        needed: bytes of the tensors.

    Raises:
        LibraryMissing: PyTorch is not installed.
        EnvironmentMissing: there is no such device here.
        LimitExceeded: it has not that much memory free.
    """
    if name is None:
        yield
        return
    device = _checked(name, needed)
    mark = _DEVICE.set(device)
    try:
        yield
    finally:
        _DEVICE.reset(mark)


def _checked(name: Any, needed: int) -> Any:
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        raise LibraryMissing("device= is for tensors of PyTorch, which is not installed here; install it with: pip install torch") from None
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError):
        raise EnvironmentMissing(f"PyTorch knows no device {quoted(name, 60)!r}; give 'cpu', 'cuda', 'cuda:1', 'mps' or another it names") from None
    if device.type in ("cpu", "meta"):
        return device
    backend = getattr(torch, device.type, None)
    available = getattr(backend, "is_available", None)
    if not callable(available) or not available():
        raise EnvironmentMissing(f"there is no device {quoted(str(device))!r} here: PyTorch finds no {device.type}; load with device='cpu', or without")
    count = backend.device_count() if hasattr(backend, "device_count") else 1
    if device.index is not None and device.index >= count:
        raise EnvironmentMissing(f"there is no device {quoted(str(device))!r} here: there are {count}, from {device.type}:0")
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if needed > free:
            raise LimitExceeded(f"the tensors take {needed} bytes, and {device} has {free} free; nothing was allocated")
    return device
