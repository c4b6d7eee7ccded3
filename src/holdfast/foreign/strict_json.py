"""JSON of a stranger: no key twice, no number that JSON has not, no deeper than a limit.

The one rule: what is not standard JSON is refused, not guessed.
"""

from __future__ import annotations

import json
from typing import Any

from holdfast.errors import FormatError, LimitExceeded, quoted


def parse(raw: bytes, what: str) -> Any:
    """Return the value of a JSON document.

    Raises:
        FormatError: it is not JSON, or says a key twice.
        LimitExceeded: it nests deeper than Python can follow.
    """
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except RecursionError:
        raise LimitExceeded(f"{what} nests deeper than Python can follow") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"{what} is not valid JSON ({quoted(error)}); it is damaged or was altered") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
