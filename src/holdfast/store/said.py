"""What may be said of a version: which keys, texts and numbers every catalog can hold, and every reader can read.

The one rule: what a record says is looked at before anything is written, for a record that nobody can read is damage that no copy heals.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from holdfast.errors import quoted
from holdfast.store.objects import Record
from holdfast.values import measured
from holdfast.values.digest import is_digest
from holdfast.values.reference import NAME_LENGTH

WHO = 200
"""Characters of an author."""
PARENT = 300
"""Characters of what a version was made of: a name of 200, a number, or a line of text."""
VALUE = 1000
"""Characters of a tag's value."""
VALUE_BYTES = 1800
"""Bytes of it: it is in an index with its key, of 800 bytes at most, and PostgreSQL takes 2704 for a row of an index."""
TEXT = 100_000
"""Characters of a note, of a reason, and of one text about code."""

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def checked_key(key: Any, what: str) -> str:
    """Return the key of a tag or a metric, or a name of data, in the one form in which it is kept.

    It never becomes part of a path, so it may hold what a name may not: ``val/auc``, ``recall@10``.

    Raises:
        ValueError, TypeError: it can be none; says why.

    >>> checked_key("recall@10", "metric")
    'recall@10'
    """
    if not isinstance(key, str):
        raise TypeError(f"the key of a {what} is text, and {quoted(repr(key), 80)} is none")
    found = unicodedata.normalize("NFC", key)
    wrong = next((one for one in found if unicodedata.category(one) in _UNSEEN), None)
    if wrong is not None:
        raise ValueError(f"the key {quoted(repr(key), 80)} of a {what} holds {quoted(repr(wrong), 20)}; a key holds nothing that cannot be seen")
    if not 1 <= len(found) <= NAME_LENGTH:
        raise ValueError(f"the key of a {what} has 1 to {NAME_LENGTH} characters, and {quoted(repr(key), 80)} has {len(found)}")
    if found != found.strip():
        raise ValueError(f"the key {quoted(repr(key), 80)} of a {what} begins or ends with white space")
    return found


def checked_tag(key: str, value: Any) -> str:
    """Return the value of a tag.

    Raises:
        ValueError, TypeError: it can be none; names the tag.
    """
    if not isinstance(value, str):
        raise TypeError(f"tags are text: {quoted(key, 80)}={quoted(repr(value), 80)}")
    what = f"the tag {quoted(repr(key), 80)}"
    if len(_text(value, what, VALUE).encode()) > VALUE_BYTES:
        raise ValueError(f"{what} takes {len(value.encode())} bytes, and at most {VALUE_BYTES} have a place; put more into a card or a file")
    return value


def shortened(value: str) -> str:
    """Return text from elsewhere that fits into a tag; what was cut off ends with a sign of it."""
    if len(value) <= VALUE and len(value.encode("utf-8", "replace")) <= VALUE_BYTES:
        return value
    return value[: VALUE - 1].encode("utf-8", "replace")[: VALUE_BYTES - 3].decode("utf-8", "ignore") + "…"


def checked_metric(key: str, value: Any) -> Any:
    """Return the value of a metric as a plain number, text, truth or None.

    Raises:
        ValueError, TypeError: it can be none; names the metric.

    >>> checked_metric("auc", 0.5)
    0.5
    """
    what = f"the metric {quoted(repr(key), 80)}"
    found = measured.checked_metric(value, what)
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError(f"{what} is {found}, which has no place in an order; give None to take it away, or text")
    return _text(found, what, TEXT) if isinstance(found, str) else found


def tags_of(tags: Any) -> dict[str, str]:
    """Return the tags of a save.

    Raises:
        ValueError, TypeError: they can be none.
    """
    return {(kept := checked_key(key, "tag")): checked_tag(kept, value) for key, value in _items(tags, "tags")}


def metrics_of(metrics: Any) -> dict[str, Any]:
    """Return the metrics of a save.

    Raises:
        ValueError, TypeError: they can be none.
    """
    return {(kept := checked_key(key, "metric")): checked_metric(kept, value) for key, value in _items(metrics, "metrics")}


def checked(one: Any, note: str | None) -> None:
    """Look at what a record says of a version, or what is said of one on its way.

    Args:
        one: a `Record`, or what has its ``who``, ``parent``, ``tags``, ``metrics``, ``data`` and ``code``.
        note: its note.

    Raises:
        ValueError, TypeError: a catalog could not hold it, or nobody could read it again; names what and why.
    """
    _text(one.who, "who", WHO)
    if note is not None:
        _text(note, "note", TEXT)
    if one.parent is not None:
        _text(one.parent, "parent", PARENT)
    tags_of(one.tags)
    metrics_of(one.metrics)
    for name, digest in _items(one.data, "data"):
        checked_key(name, "data set")
        if not is_digest(digest):
            raise ValueError(f"the data set {quoted(repr(name), 80)} has no digest, but {quoted(repr(digest), 80)}")
    for key, value in _items(one.code, "code"):
        _text(key, "a key of code", NAME_LENGTH)
        if isinstance(value, str):
            _text(value, f"code[{quoted(repr(key), 80)}]", TEXT)
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"code[{quoted(repr(key), 80)}] is {value}, which JSON has no number for; give None or text")


def checked_record(record: Record) -> Record:
    """Return a record that is about to be written, if it can be read again and every catalog can hold its rows.

    Raises:
        ValueError, TypeError: it cannot; names what and why.
    """
    checked(record, record.text)
    _text(record.why, "why", TEXT)
    if record.key is not None:
        checked_key(record.key, record.kind)
    if record.kind == "metric":
        checked_metric(record.key or "", record.value)
    elif record.value is not None:
        checked_tag(record.key or "", record.value)
    return record


def _items(given: Any, what: str) -> Any:
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} is a mapping such as {{'key': value}}, and not {type(given).__name__}")
    return given.items()


def _text(value: Any, what: str, most: int) -> str:
    """Return text that JSON and every database hold."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is text, and not {type(value).__name__}")
    if len(value) > most:
        raise ValueError(f"{what} has {len(value)} characters, and at most {most} are kept; put more into a card or a file")
    if "\0" in value:
        raise ValueError(f"{what} holds the character of number 0, which PostgreSQL has no place for; leave it out")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a character, which cannot be written") from None
    return value
