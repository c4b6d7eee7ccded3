"""Classes of third parties, registered in code with a schema and a validator.

The one rule: a registration is made by running code, before a file is read; a shipped type cannot be taken over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from holdfast.errors import InvalidState
from holdfast.frameworks.adapter import REGISTERED, Record, Registered, type_name
from holdfast.trust.catalog import Entry, catalog, registered_entry
from holdfast.trust.fields_of import rows_as_fields, where_of
from holdfast.trust.native_state import VALIDATORS
from holdfast.trust.policy import REGISTERED_CLASSES
from holdfast.trust.view import View


def register_class(
    cls: type,
    name: str | None,
    dump: Callable[[Any], dict[str, Any]] | None,
    build: Callable[[dict[str, Any]], Any] | None,
    fields: Mapping[str, Iterable[str]] | None,
    required: Iterable[str],
    validate: Callable[[dict[str, Any]], None] | None,
) -> None:
    """See `holdfast.register`."""
    if not isinstance(cls, type):
        raise TypeError(f"register takes a class, not {cls!r:.80}")
    if (dump is None) is not (build is None):
        raise TypeError("give both dump and build, or neither")
    known = name or type_name(cls)
    before = REGISTERED_CLASSES.get(known)
    if before is not None and before is not cls and type_name(before) != type_name(cls):
        raise ValueError(f"the name {known!r} is registered for {type_name(before)} already")
    if before is None and (known in catalog().types or known.partition(".")[0] in ("builtins", "os", "sys", "subprocess")):
        raise ValueError(f"{known!r} is a type that holdfast ships an entry for; it cannot be taken over")
    adapter = None if dump is None or build is None else Record(dump, build)
    kinds = {key: list(value) for key, value in (fields or {}).items()}
    registered_entry(known, Entry("object" if adapter is None else "record", kinds, list(required)))
    REGISTERED[cls] = Registered(cls, known, adapter)
    REGISTERED_CLASSES[known] = cls
    if validate is None:
        VALIDATORS.pop(known, None)
        return

    def check(view: View, index: int) -> None:
        where = where_of(view, index)
        for row, state in enumerate(rows_as_fields(view, index)):
            try:
                validate(state)
            except ValueError as error:
                raise InvalidState(f"{where(row)}: {error}; the file is damaged or was altered.") from None

    VALIDATORS[known] = check
