"""Versions between stores, and in and out of single files and registries.

The one rule: what arrives is compared with its digests before anything names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Transfer:
    """Moving versions, of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
