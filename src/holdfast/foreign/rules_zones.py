"""Time zones and spans of pytz and dateutil: known inside of pandas' times, which keep the name of a zone alone.

The one rule: nothing here becomes a value by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.errors import UnsupportedModel, quoted
from holdfast.foreign.made import NEXT, Made


def _part(made: Made) -> Any:
    raise UnsupportedModel(f"{quoted(made.name)} is known inside of times of pandas alone, and has no form of its own in a tree: use zoneinfo.ZoneInfo; {NEXT}")


RULES: dict[str, Callable[[Made], Any]] = dict.fromkeys(
    ("pytz._p", "pytz._UTC", "pytz.FixedOffset", "dateutil.tz.tz.tzutc", "dateutil.relativedelta.relativedelta"), _part
)
