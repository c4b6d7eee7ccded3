"""Versions in and out of a registry of OCI: each model a repository, each version an artifact under its number.

The one rule: the tag comes last, after everything that it needs is there; and nothing that comes back is believed before its digest was compared.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
from blake3 import blake3

from holdfast.errors import Conflict, Corrupt, LimitExceeded, NotFound, quoted
from holdfast.store.amounts import Counted, OnBytes, OnStage, models_with
from holdfast.store.carried import Carried, carried_of, from_json
from holdfast.store.carrying import Arrived, Transferred
from holdfast.store.oci import documents as d
from holdfast.store.oci.fetching import Fetched
from holdfast.store.oci.http import Client
from holdfast.store.oci.making import Exports, Layer, Making, exports_of, put_bytes
from holdfast.store.oci.shelf import Shelf
from holdfast.store.oci.uploading import upload
from holdfast.values import limits
from holdfast.values.reference import LATEST, Reference, reference

if TYPE_CHECKING:
    from holdfast.store.store import Store

BESIDE = 4
MOUNTED = 64 * 1024
"""Bytes from which other repositories are asked for a layer: a smaller one is sent as quickly."""
TAGS = 10_000_000
"""Bytes of a list of tags."""
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?\Z|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?\Z")
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


class Registry:
    """A place in a registry, below which each model has its repository.

    Args:
        address: such as ``oci://ghcr.io/team``; ``oci+http://localhost:5000/team`` for one without TLS.
        user: who asks.
        password: of the user, or a token that stands for it.
        token: for registries that take one as it is.
        timeout: seconds that an answer may take.

    Raises:
        ValueError: that is no such address.
    """

    def __init__(self, address: str, *, user: str | None = None, password: str | None = None, token: str | None = None, timeout: float = 60.0) -> None:
        scheme, _, rest = address.partition("://")
        host, _, prefix = rest.strip("/").partition("/")
        if scheme not in ("oci", "oci+http") or not _HOST.match(host) or not all(_PART.match(part) for part in prefix.split("/") if prefix):
            raise ValueError(f"{quoted(address, 120)!r} is no place in a registry; give one such as oci://ghcr.io/team, or oci+http://localhost:5000/team, in small letters and without a password")
        self.host = host
        self.prefix = prefix
        self.shown = f"{scheme}://{host}{'/' if prefix else ''}{prefix}"
        self.client = Client(host, scheme == "oci+http", user, password, token, timeout)

    def __repr__(self) -> str:
        """Say where it is, and not with what password."""
        return f"Registry({self.shown!r})"

    def repository(self, model: str) -> str:
        """Return the repository of a model: its name where that is one, else one made of it that no other model gets."""
        part = model
        if not _PART.match(part) or len(part) > 100:
            part = f"{re.sub(r'[^a-z0-9]+', '-', model.lower()).strip('-')[:60] or 'model'}-{blake3(model.encode()).hexdigest()[:12]}"
        return f"{self.prefix}/{part}" if self.prefix else part

    # -- out --------------------------------------------------------------------------------------------------------------

    def push(
        self, store: Store, refs: str | Iterable[str] | None, aliases: bool, on_bytes: OnBytes | None, dry_run: bool = False, *, exports: Exports | None = None, on_stage: OnStage | None = None
    ) -> Transferred:  # fmt: skip
        """Bring versions of a store into the registry; see `holdfast.store.transfer.Transfer.push`. What a dry run would send is not counted."""
        arrived = []
        counts = [0, 0]
        making: dict[str, Making] = {}
        items = carried_of(store, refs)
        files = exports_of(store, items, exports)
        for alias in [alias for one in items for alias in one.aliases if aliases]:
            if not _TAG.match(alias) or alias[0].isdigit():
                raise ValueError(f"the alias {alias!r} cannot be a tag of a registry, which has letters, digits and ._- and here begins with no digit; push without aliases, or rename it")
        if on_stage is not None and not dry_run:
            on_stage("sending", sum(put_bytes(store, [one for one in items if one.model == model], files) for model in dict.fromkeys(one.model for one in items)))
        for one in items:
            repo = self.repository(one.model)
            kept = self._there(repo, one)
            if dry_run:
                arrived.append(Arrived(f"{self.host}/{repo}:{one.n}", str(one), kept is None))
                continue
            if repo not in making:
                making[repo] = Making(store, lambda layers, model=one.model: self._put_all(store, model, layers, counts, on_bytes))  # type: ignore[misc]
            # here tags say what aliases there are, and they move: the artifact stays as it is
            made = making[repo].artifact(msgspec.structs.replace(one, aliases=[]), files.get(str(one), ()), kept or ())
            for tag in [str(one.n), *(one.aliases if aliases else ())]:
                self._put_manifest(repo, tag, made.manifest)
            arrived.append(Arrived(f"{self.host}/{repo}:{one.n}@sha256:{made.sha}", str(one), kept is None))
        return Transferred(arrived, counts[0], counts[1])

    def _there(self, repo: str, one: Carried) -> list[d.Descriptor] | None:
        """Return the files that go along with a version in the registry; None when it is not there.

        Raises:
            Conflict: another one has its number there.
        """
        layers: list[d.Descriptor] = []
        try:
            other = self._read(repo, str(one.n), layers=layers)
        except NotFound:
            return None
        if other.birth != one.birth:
            raise Conflict(f"{one} is another version in {repo} there, born as {quoted(other.origin.get('model'), 80)}:{other.origin.get('n')} of another store; nothing was changed: push below another name", file=self.shown)
        return [layer for layer in layers if d.FILE_NAME.match(layer.annotations.get(d.PATH, "").removeprefix(d.EXPORTS)) and layer.annotations[d.PATH].startswith(d.EXPORTS)]

    def _put_all(self, store: Store, model: str, layers: list[Layer], counts: list[int], on_bytes: OnBytes | None) -> list[str]:
        repo = self.repository(model)
        lock = threading.Lock()

        def told(count: int) -> None:
            if on_bytes is not None:
                with lock:
                    on_bytes(count)

        def others(layer: Layer) -> Iterator[str]:
            """Yield the repositories that may have a layer; nobody looks for them while the layer is where it belongs."""
            with lock:
                names = models_with(store, layer.blob, model) if layer.size >= MOUNTED else []
            yield from map(self.repository, names)

        def one(layer: Layer) -> str:
            hasher = hashlib.sha256()
            for piece in layer.pieces():
                hasher.update(piece)
            sha = hasher.hexdigest()
            counted = Counted(layer.size, told)
            sent = upload(self.client, repo, sha, lambda: counted.passing(layer.pieces()), layer.size, others(layer))
            counted.end()
            with lock:
                counts[0] += sent
                counts[1] += layer.size if sent else 0
            return sha

        with ThreadPoolExecutor(BESIDE, "holdfast-push") as workers:
            return list(workers.map(one, layers))

    def _put_manifest(self, repo: str, tag: str, raw: bytes) -> None:
        headers = {"Content-Type": d.MANIFEST, "Content-Length": str(len(raw))}
        self.client.ask("PUT", f"/v2/{repo}/manifests/{tag}", f"repository:{repo}:pull,push", headers=headers, body=lambda: iter([raw]), fine=(201,))

    # -- in ---------------------------------------------------------------------------------------------------------------

    def store(self, refs: str | Iterable[str] | None) -> Store:
        """Return versions of the registry as a store for reading, whose blobs are fetched when they are opened.

        Raises:
            NotFound: a reference names nothing.
            ValueError: no reference is given: a registry does not say which repositories it has.
        """
        if refs is None:
            raise ValueError(f"say which versions of {self.shown}: a registry does not list its models; such as refs=['churn:7'], or 'churn' for all of its versions")
        fetched = Fetched(self.client, self.shown)
        shelf = Shelf(self.shown, fetched.layer, fetched.tell)
        found: dict[tuple[str, int], Carried] = {}
        for ref in [refs] if isinstance(refs, str) else refs:
            wanted = reference(ref)
            repo = self.repository(wanted.model)
            for tag in self._tags(repo, wanted):
                try:
                    one = self._read(repo, tag, shelf, fetched)
                except _Other:
                    if wanted.alias is None and wanted.number is None and not tag.isdigit():
                        continue  # such as the signature that another tool put beside them
                    raise
                if one.model != wanted.model or (tag.isdigit() and one.n != int(tag)):
                    raise Corrupt(f"{repo}:{tag} is {quoted(one, 80)}, and not {wanted}; it was put there under another name", file=self.shown)
                # what it was called when it was pushed may have moved on since: the tag is what counts
                before = found.get((one.model, one.n))
                aliases = ([] if before is None else before.aliases) + ([] if tag.isdigit() else [tag])
                found[one.model, one.n] = msgspec.structs.replace(one, aliases=sorted(set(aliases)))
        return shelf.store(list(found.values()), fetched.id)

    def _tags(self, repo: str, wanted: Reference) -> list[str]:
        if wanted.number is not None:
            return [str(wanted.number)]
        if wanted.alias not in (None, LATEST):
            return [str(wanted.alias)]
        tags: set[str] = set()
        where = f"/v2/{repo}/tags/list?n=1000"
        while where:
            answer = self.client.ask("GET", where, f"repository:{repo}:pull", most=TAGS)
            try:
                tags.update(tag for tag in json.loads(answer.body)["tags"] or [] if _TAG.match(tag))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise Corrupt(f"the registry's list of the tags of {repo} cannot be read", file=self.shown) from None
            more = re.match(r'<([^>]+)>;\s*rel="?next', answer.headers.get("link", ""))
            where = more[1] if more and len(tags) < limits.PACK_MEMBERS else ""
        numbers = sorted((tag for tag in tags if re.fullmatch("[1-9][0-9]{0,11}", tag)), key=int)
        if not numbers:
            raise NotFound(f"{repo} has no version of {wanted}", file=self.shown)
        return numbers[-1:] if wanted.alias == LATEST else numbers + sorted(tag for tag in tags if not tag[0].isdigit() and tag != LATEST)

    def _read(self, repo: str, tag: str, shelf: Shelf | None = None, fetched: Fetched | None = None, layers: list[d.Descriptor] | None = None) -> Carried:
        """Read the manifest under a tag; takes its version into a shelf when its layers are wanted, and notes which layers those are."""
        scope = f"repository:{repo}:pull"
        if not _TAG.match(tag):
            raise NotFound(f"{quoted(tag, 80)!r} cannot be a tag of a registry; give the number of the version", file=self.shown)
        answer = self.client.ask("GET", f"/v2/{repo}/manifests/{tag}", scope, headers={"Accept": d.MANIFEST}, most=d.MANIFEST_BYTES)
        manifest = d.read_manifest(answer.body, self.shown)
        if manifest.artifact_type != d.ARTIFACT or d.VERSION not in manifest.annotations:
            raise _Other(f"{repo}:{tag} is no version that holdfast wrote", file=self.shown)

        def fetch(one: d.Descriptor) -> bytes:
            if one.size > limits.MANIFEST_BYTES:
                raise LimitExceeded(f"the document {one.digest} has {one.size} bytes, more than {limits.MANIFEST_BYTES} (MANIFEST_BYTES)", file=self.shown)
            data = self.client.ask("GET", f"/v2/{repo}/blobs/{one.digest}", scope, most=one.size).body
            if hashlib.sha256(data).hexdigest() != one.sha:
                raise Corrupt(f"the document {one.digest} of {repo}:{tag} does not match its digest: damaged there, or on the way", file=self.shown)
            return data

        if layers is not None:
            layers += manifest.layers
        if shelf is None or fetched is None:
            layer = next((one for one in manifest.layers if one.annotations.get(d.PATH) == "holdfast/version.json"), None)
            if layer is None:
                raise Corrupt(f"{repo}:{tag} has no document holdfast/version.json", file=self.shown)
            return from_json(fetch(layer), self.shown)
        one = shelf.read(manifest.layers, fetch)
        fetched.places.update({layer.sha: (repo, layer.size) for layer in manifest.layers})
        fetched.id = fetched.id or manifest.annotations.get(d.STORE, "")
        return one


class _Other(Corrupt):
    """An artifact that is not ours."""
