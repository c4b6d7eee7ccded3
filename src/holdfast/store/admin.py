"""What is done to a store as a whole: collecting, checking, accounting.

The one rule: the last copy of anything is never deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Admin:
    """What is rare, of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
