"""Shared fixtures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from holdfast.errors import HoldfastWarning


@pytest.fixture(autouse=True)
def notices_are_not_errors() -> Iterator[None]:
    """Our own notices are looked at where a test is about them; elsewhere they must not end it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HoldfastWarning)
        yield
