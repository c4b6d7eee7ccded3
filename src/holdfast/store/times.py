"""Moments as people write them, and as a store keeps them: seconds since 1970, UTC.

The one rule: a text stands for all of the time that it names; a day is a day long.
"""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MINUTE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_FRACTION = re.compile(r".*:\d\d\.\d+(Z|[+-]\d\d:?\d\d)?", re.ASCII)


class Span(NamedTuple):
    """A stretch of time: from, and up to without; both the same for a moment."""

    begin: float
    end: float


def span_of(value: object) -> Span:
    """Return the time that a text or a number of seconds names.

    Args:
        value: an ISO date, with or without a time, in UTC unless it says otherwise; or seconds since 1970.

    Raises:
        ValueError: it is none.

    >>> span_of("1970-01-02")
    Span(begin=86400.0, end=172800.0)
    >>> span_of("1970-01-01T01:00+01:00")
    Span(begin=0.0, end=60.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Span(float(value), float(value))
    try:
        if not isinstance(value, str) or not value.isascii():
            raise ValueError
        found = datetime.datetime.fromisoformat(value)
        begin = (found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("a time is an ISO date such as '2026-11-22' or '2026-11-22T10:30', or seconds since 1970") from None
    length = 86400 if _DAY.fullmatch(value) else 60 if _MINUTE.fullmatch(value) else 0 if _FRACTION.fullmatch(value) else 1
    return Span(begin, begin + length)


def shown_time(at: float) -> str:
    """Return a moment for people, in UTC.

    >>> shown_time(86400.0)
    '1970-01-02 00:00:00'
    """
    try:
        return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f}"
