"""Saving: describe, encode, write, read back, replay, and only then give the file its name.

The one rule: with an example, nothing is handed over that was not loaded and asked again.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from holdfast.artifact.atomic import replacing
from holdfast.artifact.describe import params_of, signature_of
from holdfast.artifact.environment import libraries, python_version
from holdfast.artifact.lint import secrets_in, training_rows
from holdfast.artifact.load import Opening, open_buffer
from holdfast.artifact.pack import Encoded, Written, encode, sections, write_sections
from holdfast.artifact.replay import Proof, make_example, replay
from holdfast.artifact.synthetic import synthetic_rows
from holdfast.errors import HoldfastWarning, ProofFailed, quoted
from holdfast.frameworks.adapter import type_name
from holdfast.native.container import EXAMPLE_PREFIX
from holdfast.trust.catalog import catalog
from holdfast.trust.plan import unknown_states
from holdfast.values import limits
from holdfast.values.graph import Graph
from holdfast.values.manifest import FORMAT_VERSION, Manifest
from holdfast.values.measured import checked_metrics
from holdfast.values.pause import Paused

_NO_METRICS: dict[str, Any] = {}


class Saved(NamedTuple):
    """What a save gave.

    Attributes:
        id: the artifact id.
        content: the content digest: same model, same digest.
        nbytes: bytes of the file.
        proof: how the saved file answered to the example, a `Proof`, or for ONNX and PMML an `ExportProof`; None without one.
        training_rows: paths of stored arrays that hold rows the model was trained on.
        needs_trust: types and functions that a load will ask to be trusted.
    """

    id: str
    content: str
    nbytes: int
    proof: Any
    training_rows: list[str]
    needs_trust: list[str]


class Prepared(NamedTuple):
    """Everything about a save before its bytes are written."""

    model: Any
    content: Encoded
    example: Encoded | None
    kept: dict[str, Any] | None
    manifest: Manifest
    needs_trust: list[str]
    unknown: dict[str, str]


def prepare(model: Any, example: Any = None, metrics: Mapping[str, Any] | None = None, extra: Mapping[str, Any] | None = None) -> Prepared:
    """Return what will be written for a model.

    Raises:
        UnsupportedModel: a part of it cannot be saved, or it cannot answer to its example.
        TypeError: metrics or extra hold what JSON cannot.
    """
    with Paused():
        content = encode(model)
    dumped = content.dumped
    kept = encoded_example = None
    if example is not None:
        rows = synthetic_rows(model) if isinstance(example, str) else example
        kept = make_example(model, rows)
        encoded_example = encode(kept, EXAMPLE_PREFIX)
    lists = catalog()
    needs = [name for name in dumped.types if name not in lists.types] + [name for name in dumped.functions if name not in lists.values]
    with Paused():
        unknown = unknown_states(Graph(dumped.tree, len(dumped.tensors)))
        rows_kept = training_rows(dumped.tree, len(dumped.tensors))
        secrets = secrets_in(dumped.tree)
    needs += [name for name in unknown if name not in needs]
    for place in secrets:
        warnings.warn(f"{place} looks like a password, a token or a key, and it would be in the file; remove it before you share the model",
                      HoldfastWarning, stacklevel=4)  # fmt: skip
    manifest = Manifest(
        format=FORMAT_VERSION,
        type=type_name(type(model)),
        content=content.part(),
        example=None if encoded_example is None else encoded_example.part(),
        types=dumped.types,
        functions=dumped.functions,
        libraries=libraries((*dumped.types, *dumped.functions)) or libraries(("numpy",)),
        python=python_version(),
        signature=signature_of(model, kept["inputs"], kept["outputs"]) if kept is not None else signature_of(model),
        params=params_of(model),
        metrics=_plain(checked_metrics(metrics), "metrics") if metrics else _NO_METRICS,
        training_rows=rows_kept,
        extra=_plain(extra, "extra") if extra else _NO_METRICS,
    )
    return Prepared(model, content, encoded_example, kept, manifest, needs, unknown)


def _plain(given: Mapping[str, Any], what: str) -> dict[str, Any]:
    import msgspec

    def simple(value: Any) -> Any:
        if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
            return value.item()
        raise TypeError(f"{what} holds a {type(value).__name__}; it is written as JSON, so give numbers, text, lists and dicts")

    if not isinstance(given, Mapping):
        raise TypeError(f"{what} is a mapping such as {{'auc': 0.91}}, and not {type(given).__name__}")
    for key, value in given.items():
        if not isinstance(key, str):
            raise TypeError(f"{what} has the key {key!r}; keys are text")
        _check_free(value, f"{what}[{key!r}]")
    try:
        return msgspec.json.decode(msgspec.json.encode(dict(given), enc_hook=simple))  # type: ignore[no-any-return]
    except UnicodeEncodeError as error:
        raise TypeError(f"{what} holds text that cannot be written as UTF-8: {error}") from None


def _check_free(value: Any, where: str) -> None:
    """Refuse what JSON has no number for, and what nests deeper than a reader follows; without recursion."""
    waiting = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > limits.JSON_DEPTH - 2:
            raise TypeError(f"{where} nests deeper than {limits.JSON_DEPTH - 2} (JSON_DEPTH)")
        if isinstance(one, Mapping):
            waiting.extend((part, depth + 1) for part in one.values())
        elif isinstance(one, list | tuple):
            waiting.extend((part, depth + 1) for part in one)
        else:
            number = one.item() if hasattr(one, "item") and getattr(one, "ndim", None) == 0 else one
            if isinstance(number, float) and not math.isfinite(number):
                raise TypeError(f"{where} holds {number}, which JSON has no number for; give None or text")


def save(
    model: Any,
    path: str | os.PathLike[str],
    *,
    example: Any = None,
    metrics: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    compress: str | None = None,
    durable: bool = True,
    on_bytes: Callable[[int], None] | None = None,
) -> Saved:
    """Save a model as one file; see `holdfast.save`."""
    return write(prepare(model, example, metrics, extra), path, compress=compress, durable=durable, on_bytes=on_bytes)


def write(
    ready: Prepared,
    path: str | os.PathLike[str],
    *,
    compress: str | None = None,
    durable: bool = True,
    on_bytes: Callable[[int], None] | None = None,
    notices: bool = True,
) -> Saved:
    """Write what was prepared, and prove it when there is an example."""
    made = sections(ready.content, ready.example, _wants_zstd(compress))
    with replacing(path, durable) as sink:
        written = write_sections(made, ready.manifest, sink.write_all, on_bytes)
        proof = None
        if ready.kept is not None:
            proof = _prove(ready, written, Opening.of_path(sink.path, shown=os.fspath(path)))
    if notices:
        notice(ready)
    return _saved(ready, written, proof)


def dumps(
    model: Any,
    *,
    example: Any = None,
    metrics: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    compress: str | None = None,
) -> bytes:
    """Return a model as bytes; see `holdfast.dumps`."""
    ready = prepare(model, example, metrics, extra)
    made = sections(ready.content, ready.example, _wants_zstd(compress))
    parts: list[Any] = []
    written = write_sections(made, ready.manifest, parts.extend)
    blob = b"".join(parts)
    if ready.kept is not None:
        _prove(ready, written, open_buffer(blob))
    notice(ready)
    return blob


def save_to_file(model: Any, file: io.BufferedIOBase, **options: Any) -> None:
    """Write a model into an open binary file, from where it stands."""
    file.write(dumps(model, **options))


def _wants_zstd(compress: str | None) -> bool:
    if compress not in (None, "zstd"):
        raise ValueError(f'compress={compress!r} is not known; give "zstd" or nothing')
    return compress == "zstd"


def _prove(ready: Prepared, written: Written, opening: Opening) -> Proof:
    from holdfast.trust.policy import policy

    assert ready.kept is not None
    with opening:
        own = policy(live_classes(ready), live_functions(ready))
        model = opening.load(own)
        proof = replay(model, ready.kept, written.manifest, written.id, 0.0, digests=False)
    if proof.verdict != "bit-equal":
        raise ProofFailed(
            f"the model does not answer after loading as it does now, so it was not saved.\n{proof}\n"
            "An attribute that lives outside the object (a global, a cache, an open file) is the usual reason."
        )
    return proof


def live_classes(ready: Prepared) -> list[Any]:
    """Return the live classes of the types that a load would ask for: here they are at hand, in __main__ too."""
    from holdfast.frameworks.names import find_live

    return [found for name in ready.content.dumped.types if name in ready.needs_trust and (found := find_live(name)) is not None]


def live_functions(ready: Prepared) -> list[Any]:
    """Return the live functions that a load would ask for."""
    from holdfast.frameworks.names import find_live

    return [found for name in ready.content.dumped.functions if name in ready.needs_trust and (found := find_live(name)) is not None]


def notice(ready: Prepared) -> None:
    """Warn of what the user should know about a save that goes through."""
    rows = ready.manifest.training_rows
    if rows:
        warnings.warn(
            f"this model contains rows it was trained on ({', '.join(quoted(path, 60) for path in rows[:4])}{', …' if len(rows) > 4 else ''}); "
            "whoever gets the file gets them",
            HoldfastWarning,
            stacklevel=4,
        )
    for name, what in ready.unknown.items():
        warnings.warn(
            f"{what}: the list of trusted states does not know this setting; loading will need trusted=[{name!r}]. Please report it",
            HoldfastWarning,
            stacklevel=4,
        )
    if len(ready.needs_trust) > len(ready.unknown):
        shown = ", ".join(quoted(name, 80) for name in ready.needs_trust[:4])
        warnings.warn(
            f"loading this model will need trusted=[...] or trusted_functions=[...] for {shown}{', …' if len(ready.needs_trust) > 4 else ''}",
            HoldfastWarning,
            stacklevel=4,
        )


def _saved(ready: Prepared, written: Written, proof: Proof | None) -> Saved:
    return Saved(written.id, written.manifest.content.digest, written.nbytes, proof, ready.manifest.training_rows, ready.needs_trust)
