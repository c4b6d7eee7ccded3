"""What is done to a store as a whole: collecting, checking, accounting.

The one rule: the last copy of anything is never deleted.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from holdfast.store.amounts import OnBytes, OnStage
from holdfast.store.checking import Checked, check
from holdfast.store.collecting import GRACE, Collected, collect
from holdfast.store.using import Usage, usage

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Admin:
    """What is rare, of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def collect(self, grace: float = GRACE, dry_run: bool = False, *, on_bytes: OnBytes | None = None, on_stage: OnStage | None = None) -> Collected:
        """Delete the bytes that no version needs any more, in a store that others use at the same time.

        Args:
            grace: seconds that bytes stay after they were needed for the last time; a reader who resolved a version before its end may still want them.
            dry_run: do nothing, and say what would be done.
            on_bytes: told how many more bytes are gone.
            on_stage: told what begins, and how many bytes it is about.

        Returns:
            What went, and what is held by whom.

        Raises:
            Corrupt: a record cannot be read, so that it is not known what it needs; nothing was deleted.
            Unavailable: objects cannot be listed or deleted; what was begun is ended by the next call.
            ValueError: the grace is negative.
        """
        return collect(self.store, grace, dry_run, on_bytes, on_stage)

    def check(
        self, level: str = "quick", *, rebuild: bool = False, repair_from: Store | str | os.PathLike[str] | None = None, on_bytes: OnBytes | None = None,
        on_stage: OnStage | None = None,
    ) -> Checked:  # fmt: skip
        """Look whether everything is there and as it was written.

        Args:
            level: ``quick`` compares rows with names and sizes of objects; ``full`` reads every byte, compares it with its digest, and the rows with the records.
            rebuild: make the catalog anew from the records first.
            repair_from: another store, or its address: what is damaged or missing here and whole there is copied; what was here is kept in ``aside/``.
            on_bytes: told how many more bytes are done.
            on_stage: told what begins, and how many bytes it is about.

        Returns:
            Every damaged object, with the versions and aliases that it hurts, and what was done; ``ok`` when nothing is wrong any more.

        Raises:
            Unavailable: the store cannot be read, or a rebuild cannot be written.
            ValueError: there is no such level.
        """
        with contextlib.ExitStack() as stack:
            if isinstance(repair_from, str | os.PathLike):
                from holdfast.store.connecting import connect

                repair_from = stack.enter_context(contextlib.closing(connect(repair_from, read_only=True)))
            return check(self.store, level, rebuild, repair_from, on_bytes, on_stage)

    def du(self) -> Usage:
        """Say what each version really costs: bytes that it alone needs, and bytes that it shares.

        Returns:
            Bytes by version, by model and in all.
        """
        return usage(self.store)
