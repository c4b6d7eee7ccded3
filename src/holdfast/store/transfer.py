"""Versions between stores, and in and out of single files and registries.

The one rule: what arrives is compared with its digests before anything names it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from holdfast.store.amounts import OnBytes, OnStage
from holdfast.store.carrying import Transferred, carry
from holdfast.store.store import Store

if TYPE_CHECKING:
    from holdfast.store.importing import Imported
    from holdfast.store.oci.making import Exports
    from holdfast.store.oci.pack import Packed
    from holdfast.store.oci.registry import Registry


class Transfer:
    """Moving versions, of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def pull(
        self,
        other: Store | Registry | str | os.PathLike[str],
        refs: str | Iterable[str] | None = None,
        *,
        aliases: bool = False,
        renumber: bool = False,
        exports_to: str | os.PathLike[str] | None = None,
        on_bytes: OnBytes | None = None,
        on_stage: OnStage | None = None,
        dry_run: bool = False,
    ) -> Transferred:
        """Bring versions of another store into this one, with their metrics, tags, notes, cards, parents, data and code.

        A pull that was stopped goes on where it was when it is called again; a version that is here already is left as it is. Where a
        version was born (store, model, number) stays with it, and nothing else of its history comes along.

        Args:
            other: the store to bring them from, or its address; it may be open for reading alone. A place in a registry is ``oci://host/prefix``, or a
                `holdfast.store.oci.registry.Registry` where a password is needed; there ``refs`` has to be given.
            refs: such as ``churn:7``, ``churn@production``, or ``churn`` for all of its versions; None for everything.
            aliases: set the aliases of these versions here too.
            renumber: give a version whose number is taken here the next one; without it that is refused.
            exports_to: of a registry, a folder that the files which go along are written to, those of ``churn:7`` below ``churn-7``.
            on_bytes: told how many more bytes are done.
            on_stage: told what begins, and how many bytes it is about.
            dry_run: change nothing, and return what would be done.

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
        with _opened(other, True) as source:
            given = source if isinstance(source, Store) else source.store(refs)
            return self._taken(given, refs, aliases, renumber, exports_to, on_bytes, on_stage, dry_run)

    def _taken(
        self, given: Store, refs: str | Iterable[str] | None, aliases: bool, renumber: bool, exports_to: str | os.PathLike[str] | None, on_bytes: OnBytes | None, on_stage: OnStage | None,
        dry_run: bool,
    ) -> Transferred:  # fmt: skip
        """Take versions in, and write the files that go along with them in a pack or a registry; a store has none."""
        done = carry(given, self.store, refs, aliases=aliases, renumber=renumber, on_bytes=on_bytes, on_stage=on_stage, dry_run=dry_run)
        write = None if exports_to is None or dry_run else getattr(given.blobs, "write_exports", None)
        return done if write is None else done._replace(exports=write(exports_to, {one.source for one in done.versions}))

    def push(
        self,
        other: Store | Registry | str | os.PathLike[str],
        refs: str | Iterable[str] | None = None,
        *,
        aliases: bool = False,
        renumber: bool = False,
        exports: Exports | None = None,
        on_bytes: OnBytes | None = None,
        on_stage: OnStage | None = None,
        dry_run: bool = False,
    ) -> Transferred:
        """Bring versions of this store into another one; see `pull`.

        Args:
            other: the store to bring them to, or its address; or a place in a registry, ``oci://host/prefix``, where ``churn:7`` becomes ``host/prefix/churn:7``.
            refs: which; None for everything.
            aliases: set their aliases there too; in a registry they become tags.
            renumber: give a version whose number is taken there the next one.
            exports: to a registry, version -> files that go along with it, such as its ONNX form; those that went along before stay there.
            on_bytes: told how many more bytes are done.
            on_stage: told what begins, and how many bytes it is about.
            dry_run: change nothing, and return what would be done.

        Raises:
            Conflict: a number is taken there by another version; nothing was changed.
            Corrupt: bytes do not match their digest; no version names them.
            NotFound: a reference names nothing here, or an object is missing here.
            ValueError: files shall go along with a version that is not pushed, or into a store, or have names that not every file system takes.
        """
        with _opened(other, False) as target:
            if isinstance(target, Store):
                if exports:
                    raise ValueError("files go along with versions into packs and registries; a store holds versions alone, and attachments")
                return carry(self.store, target, refs, aliases=aliases, renumber=renumber, on_bytes=on_bytes, on_stage=on_stage, dry_run=dry_run)
            if renumber:
                raise ValueError("a version has its own number in a registry; push below another name instead of with renumber=True")
            return target.push(self.store, refs, aliases, on_bytes, dry_run, exports=exports, on_stage=on_stage)

    def pack(
        self,
        path: str | os.PathLike[str],
        refs: str | Iterable[str] | None = None,
        *,
        exports: Exports | None = None,
        on_bytes: OnBytes | None = None,
        on_stage: OnStage | None = None,
    ) -> Packed:
        """Write versions into one file: an OCI image layout in an uncompressed tar, with what versions share in it once.

        Args:
            path: the file to write; one of that name is replaced when the new one is whole.
            refs: such as ``churn:7``, ``churn@production``, or ``churn`` for all of its versions; None for everything.
            exports: version -> files that go along with it, such as its ONNX form and that file's signature.
            on_bytes: told how many more bytes of blobs and exports are done.
            on_stage: told what begins, and how many bytes it is about.

        Returns:
            The path, the versions and the bytes.

        Raises:
            Corrupt: the store is damaged; nothing is left behind.
            NotFound: a reference names nothing.
            ValueError: exports are given for a version that is not packed, or have names that not every file system takes.
        """
        from holdfast.store.oci.pack import pack

        return pack(self.store, path, refs, exports, on_bytes, on_stage)

    @staticmethod
    def open_pack(path: str | os.PathLike[str]) -> Store:
        """Open a pack as a store for reading: its versions are loaded from where they lie in the file, mapped and not unpacked.

        Args:
            path: what `pack` wrote.

        Raises:
            FormatError: it is no pack, or damaged, or holds what a pack does not hold.
            NotFound: there is no such file.
        """
        from holdfast.store.oci.pack import Pack

        return Pack(path).store()

    def unpack(
        self,
        path: str | os.PathLike[str],
        refs: str | Iterable[str] | None = None,
        *,
        aliases: bool = False,
        renumber: bool = False,
        exports_to: str | os.PathLike[str] | None = None,
        on_bytes: OnBytes | None = None,
        on_stage: OnStage | None = None,
        dry_run: bool = False,
    ) -> Transferred:
        """Bring versions out of a pack into this store; see `pull`. The whole file is compared with its digests first.

        Args:
            path: what `pack` wrote.
            refs: which; None for all of the pack.
            aliases: set the aliases here that these versions had when they were packed.
            renumber: give a version whose number is taken here the next one.
            exports_to: a folder that the files which go along are written to, those of ``churn:7`` below ``churn-7``; None leaves them in the pack.
            on_bytes: told how many more bytes are done.
            on_stage: told what begins, and how many bytes it is about: first comparing, then copying.
            dry_run: change nothing, and return what would be done.

        Raises:
            Conflict: a number is taken here by another version; nothing was changed.
            FormatError: it is no pack, or damaged, or holds what a pack does not hold; nothing was changed.
            NotFound: there is no such file, or a reference names nothing in it.
        """
        from holdfast.store.oci.pack import Pack

        opened = Pack(path)
        opened.check(on_bytes, on_stage)
        return self._taken(opened.store(), refs, aliases, renumber, exports_to, on_bytes, on_stage, dry_run)

    def import_mlflow(
        self,
        where: str | os.PathLike[str],
        models: Iterable[str] | Mapping[str, str] | None = None,
        *,
        artifacts: str | os.PathLike[str] | None = None,
        trusted: Iterable[Any] | None = None,
        renumber: bool = False,
        on_version: Callable[[Imported], None] | None = None,
    ) -> list[Imported]:
        """Bring registered models of MLflow into this store: their versions, numbers, aliases, tags, descriptions, and the metrics and parameters of their runs.

        MLflow need not be installed, and nothing that its folders hold is run. An import that is called again takes what is new.

        Args:
            where: the folder with ``mlflow.db``, that file, or its address ``sqlite:///mlflow.db``; or the folder of a file store (``mlruns``, with ``models`` in it), or the one that this lies in.
            models: names of registered models, or a mapping from those to the names they shall have here; None for all.
            artifacts: the folder that the files of models lie in, where that is not the folder of ``mlflow.db``.
            trusted: see `holdfast.load`.
            renumber: give a version whose number is taken here the next one.
            on_version: told what became of each version.

        Returns:
            What became of each version; one that is refused stops none of the others.

        Raises:
            FormatError: that file is no registry of MLflow.
            NotFound: there is no such file, or no such model.
            UnsupportedModel: that is the address of a server.
        """
        from holdfast.store.importing import import_mlflow

        return import_mlflow(self.store, where, models, artifacts, trusted, renumber, on_version)


@contextmanager
def _opened(other: Store | Registry | str | os.PathLike[str], read_only: bool) -> Iterator[Store | Registry]:
    """Give the other side of a transfer; what was given as an address is closed again."""
    from holdfast.store.connecting import connect
    from holdfast.store.oci.registry import Registry

    if isinstance(other, Store | Registry):
        yield other
    elif isinstance(other, str) and other.startswith(("oci://", "oci+http://")):
        yield Registry(other)
    else:
        store = connect(other, read_only=read_only)
        try:
            yield store
        finally:
            store.close()
