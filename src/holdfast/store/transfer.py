"""Versions between stores, and in and out of single files and registries.

The one rule: what arrives is compared with its digests before anything names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from holdfast.store.carrying import Transferred, carry

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Transfer:
    """Moving versions, of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def pull(
        self,
        other: Store,
        refs: str | Iterable[str] | None = None,
        *,
        aliases: bool = False,
        renumber: bool = False,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Transferred:
        """Bring versions of another store into this one, with their metrics, tags, notes, cards, parents, data and code.

        A pull that was stopped goes on where it was when it is called again; a version that is here already is left as it is. Where a
        version was born (store, model, number) stays with it, and nothing else of its history comes along.

        Args:
            other: the store to bring them from; it may be open for reading alone.
            refs: such as ``churn:7``, ``churn@production``, or ``churn`` for all of its versions; None for everything.
            aliases: set the aliases of these versions here too.
            renumber: give a version whose number is taken here the next one; without it that is refused.
            on_bytes: told how many more bytes are done.

        Returns:
            What arrived, and what was there.

        Raises:
            Conflict: a number is taken here by another version; nothing was changed.
            Corrupt: bytes do not match their digest; no version names them.
            NotFound: a reference names nothing there, or an object is missing there.

        >>> import holdfast
        >>> first, second = holdfast.connect("memory://a"), holdfast.connect("memory://b")
        >>> _ = first.save({"w": 1.0}, "churn", note="the first")
        >>> second.transfer.pull(first, "churn:1").versions
        [Arrived(ref='churn:1', source='churn:1', new=True)]
        >>> second.load("churn:1")
        {'w': 1.0}
        """
        return carry(other, self.store, refs, aliases=aliases, renumber=renumber, on_bytes=on_bytes)

    def push(
        self,
        other: Store,
        refs: str | Iterable[str] | None = None,
        *,
        aliases: bool = False,
        renumber: bool = False,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Transferred:
        """Bring versions of this store into another one; see `pull`.

        Args:
            other: the store to bring them to.
            refs: which; None for everything.
            aliases: set their aliases there too.
            renumber: give a version whose number is taken there the next one.
            on_bytes: told how many more bytes are done.

        Raises:
            Conflict: a number is taken there by another version; nothing was changed.
            Corrupt: bytes do not match their digest; no version names them.
            NotFound: a reference names nothing here, or an object is missing here.
        """
        return carry(self.store, other, refs, aliases=aliases, renumber=renumber, on_bytes=on_bytes)
