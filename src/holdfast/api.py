"""The public functions: what ``import holdfast`` offers.

The one rule: the bytes decide what a file is; the suffix picks what is written, and one that contradicts the bytes is refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from holdfast.artifact import save as _save
from holdfast.artifact.convert import Converted
from holdfast.artifact.environment import python_version
from holdfast.artifact.inspect import Inspection
from holdfast.artifact.load import Opening, open_buffer, replayed
from holdfast.artifact.replay import Proof
from holdfast.artifact.save import Saved
from holdfast.artifact.save_foreign import writer_of
from holdfast.artifact.verify import verify_opening
from holdfast.errors import HoldfastError, UnsupportedTarget
from holdfast.foreign.sniff import SUFFIXES, WORDS
from holdfast.opening import Export, is_export_name, is_saved, open_bytes, open_saved, path_text
from holdfast.trust.policy import policy

if TYPE_CHECKING:
    from holdfast.artifact.background import Saving
    from holdfast.comparing.result import Comparison
    from holdfast.exports.about import Description, Exported
    from holdfast.store.store import Store
    from holdfast.values.predictor import Predictor

PathOrFile = Any


@overload
def save(model: Any, path: PathOrFile, *, wait: Literal[True] = True, **options: Any) -> Saved: ...


@overload
def save(model: Any, path: PathOrFile, *, wait: Literal[False], **options: Any) -> Saving: ...


def save(  # type: ignore[misc]
    model: Any,
    path: PathOrFile,
    *,
    example: Any = None,
    metrics: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    compress: str | None = None,
    durable: bool = True,
    on_bytes: Callable[[int], None] | None = None,
    parent: Any = None,
    wait: bool = True,
    keep_last: int | None = None,
    shard_bytes: int | str | None = None,
    format: str | None = None,
) -> Any:
    """Save a model as one file, whole or not at all.

    The suffix picks the format: everything that is no other library's is a native file. Another library's format is written by
    that library, read back by holdfast, asked, and only then takes its name; it keeps no metrics, digests or examples.

    Args:
        model: any object made of supported types: estimators, pipelines, arrays, frames, containers, your own classes.
        path: where to; a file of that name is replaced. An open binary file is written to from where it stands.
        example: a few rows, as ``predict`` takes them; up to 100 are kept in the file with the model's answers, the file
            is loaded again and asked, and only then takes its name. ``"synthetic"`` makes rows up from the model alone.
        metrics: name -> number, kept in the manifest.
        extra: anything JSON can hold, kept in the manifest.
        compress: ``"zstd"`` for a smaller file, which is then read and not mapped.
        durable: flush to the disk before the file takes its name. False is quicker, and a power cut may lose the file.
        on_bytes: called with the number of bytes just written, for a progress bar.
        parent: the artifact that this one was made of: what `save` returned for it, its file, or its id; kept as ``extra["parent"]``.
        wait: False copies the tensors, writes in the background while training goes on, and returns a `Saving` at once.
        keep_last: once the file is there, delete older files of the same name but for its last number, all but so many in all.
        shard_bytes: write several files of at most this size, in bytes or as ``"2GB"``, when the tensors take more; for modules of
            PyTorch and for dicts of tensors. The file at ``path`` loads them all, and an index serves other tools.
        format: the format, where the suffix says none: ``pickle``, ``joblib``, ``skops``, ``torch``, ``keras``, ``xgboost``, ...

    Returns:
        A `Saved`: the artifact id, the content digest, the size in bytes, the proof, and what the file contains. With
        ``wait=False`` a `Saving`, whose ``result()`` returns that or raises what went wrong.

    Raises:
        UnsupportedModel: a part of the model cannot be saved; names it and the path to it.
        ProofFailed: the saved model does not answer as the live one; nothing is left behind.
        NoSpace, Unavailable, NotFound: the file cannot be written; an older one is as it was.

    Examples:
        >>> import holdfast, numpy as np, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> saved = holdfast.save({"w": np.zeros((2, 3))}, path)
        >>> holdfast.load(path)["w"].shape
        (2, 3)
    """
    options: dict[str, Any] = {"example": example, "metrics": metrics, "extra": _with_parent(extra, parent), "compress": compress}
    if hasattr(path, "write"):
        if not wait or keep_last is not None or shard_bytes is not None:
            raise ValueError("wait=False, keep_last and shard_bytes need the name of a file, and not an open one")
        blob = _save.dumps(model, **options)
        path.write(blob)
        opening = open_buffer(blob)
        assert opening.opened is not None
        manifest = opening.opened.manifest
        return Saved(opening.id, manifest.content.digest, len(blob), None, manifest.training_rows, [])
    name = path_text(path)
    if format is not None or is_export_name(name) or writer_of(name, None) is not None:
        from holdfast.converting import save_elsewhere

        unkept = {"metrics": metrics, "extra": extra, "compress": compress, "parent": parent, "keep_last": keep_last, "shard_bytes": shard_bytes, "on_bytes": on_bytes}
        saved = save_elsewhere(model, name, format, example, durable, **unkept, wait=None if wait else False)
        if saved is not None:
            return saved
    _check_target(name)
    if keep_last is not None:
        _check_kept(name, keep_last)

    def finish(saved: Saved) -> Saved:
        if keep_last is not None:
            from holdfast.artifact.keep import keep

            keep(name, keep_last)
        return saved

    if shard_bytes is not None:
        from holdfast.artifact.shards import bytes_of, save_sharded

        if example is not None or not wait:
            raise ValueError("a model in several files is saved without example= and with wait=True; save it, then ask verify")

        def one(part: Any, where: str, more: dict[str, Any]) -> Saved:
            return _save.save(part, where, **{**options, "extra": {**(options["extra"] or {}), **more} or None}, durable=durable, on_bytes=on_bytes)

        return finish(save_sharded(model, name, bytes_of(shard_bytes), one))
    if wait:
        return finish(_save.save(model, name, **options, durable=durable, on_bytes=on_bytes))
    from holdfast.artifact.background import Saving, copied

    compress = options.pop("compress")
    ready = copied(_save.prepare(model, **options))
    _save.notice(ready)
    return Saving(lambda: finish(_save.write(ready, name, compress=compress, durable=durable, on_bytes=on_bytes, notices=False)))


def _check_kept(name: str, count: int) -> None:
    from holdfast.artifact.keep import numbered

    if type(count) is not int or count < 1:
        raise ValueError(f"keep_last={count!r} is not a number of files; give 1 or more")
    numbered(name)


def _with_parent(extra: Mapping[str, Any] | None, parent: Any) -> Mapping[str, Any] | None:
    """Return ``extra`` with the id of the parent in it."""
    if parent is None:
        return extra
    if isinstance(parent, Saved):
        id_ = parent.id
    elif isinstance(parent, str) and parent.startswith("blake3:"):
        id_ = parent
    else:
        with open_saved(parent) as opening:
            id_ = opening.id
    if "parent" in (extra or {}):
        raise ValueError("parent is given twice, in extra too")
    return {**(extra or {}), "parent": id_}


def dumps(
    model: Any,
    *,
    example: Any = None,
    metrics: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    compress: str | None = None,
) -> bytes:
    """Return a model as bytes: the same as the file that `save` writes, for a database field or a queue.

    Examples:
        >>> import holdfast
        >>> holdfast.loads(holdfast.dumps({"a": (1, 2.5, None)}))
        {'a': (1, 2.5, None)}
    """
    return _save.dumps(model, example=example, metrics=metrics, extra=extra, compress=compress)


def _check_target(name: str) -> None:
    kinds = SUFFIXES.get(os.path.splitext(name)[1].lower())
    if kinds is not None and kinds[0] != "safetensors":
        raise UnsupportedTarget(f"holdfast does not write {WORDS.get(kinds[0], kinds[0])}; save as .safetensors", file=name)


def load(
    path: PathOrFile,
    *,
    trusted: Iterable[Any] | None = None,
    trusted_functions: Iterable[Any] | None = None,
    part: str | None = None,
    digests: str = "needed",
    replay: bool = False,
    max_memory: int | None = None,
    device: Any = None,
    into: Any = None,
    strict: bool = True,
) -> Any:
    """Load a model. No code from the file is run, and nothing the file names is imported unless it is trusted.

    Args:
        path: a file, a folder that is one model, an open binary file, or the address of a file in a bucket (``s3://bucket/name``, ``gs://``, ``az://``, with
            options behind ``?``; it is read into memory). A version of a store is loaded by its store: ``holdfast.connect(...).load("churn@production")``.
        trusted: classes beyond the shipped lists, as exact names or class objects.
        trusted_functions: functions beyond the shipped lists, as exact names or function objects.
        part: load only what is at this path, such as ``"steps.clf"`` or ``"steps.clf.coef_"``.
        digests: ``"needed"`` compares the digests of everything that is looked at before building, and of small files
            everything; ``"all"`` those of every tensor, which reads the whole file.
        replay: ask the model its stored example again, and refuse it when it answers differently.
        max_memory: refuse, before allocating, when the model needs more than this many bytes.
        device: put the tensors of PyTorch there, such as ``"cuda:0"``; a device that is missing or too small is refused first.
        into: a module of PyTorch to load the tensors into, which is then returned; a PEFT adapter is attached to it. Its own
            classes need no ``trusted=``.
        strict: with ``into``, refuse tensors that are missing, too many or of another shape; False loads what fits, and warns.

    Returns:
        The model. Its arrays are views of the mapped file, copied when written to; the file never changes.
        A safetensors file from elsewhere gives a dict of name -> array. Pickles, joblib, skops and other libraries' files give their
        model: they are read as data, and nothing in them is run. An ONNX or PMML file gives a `Predictor` in its own runtime.

    Raises:
        UntrustedType: names every type that is not trusted, where it is, and the line that would allow it.
        InvalidState: the state of a trusted type cannot be genuine.
        FormatError: the file is damaged, altered, truncated, or something else.
        LibraryMissing: holds the install command.
        ProofFailed: with ``replay=True``, when the answers differ.
        TypeError: ``trusted`` is not a list of exact names or classes.
    """
    if digests not in ("needed", "all"):
        raise ValueError(f"digests={digests!r} is not known; give 'needed' or 'all'")
    if replay and part is not None:
        raise ValueError("replay asks the whole model its example; load the whole, or a part without replay")
    if into is not None:
        from holdfast.artifact.into import classes_of, load_into

        trusted = [*(trusted or ()), *classes_of(into)]
    allowed = policy(trusted, trusted_functions)
    if isinstance(path, str | os.PathLike) and path_text(path).endswith(".safetensors.index.json"):
        from holdfast.artifact.load import load_indexed

        if part is not None or replay or max_memory is not None:
            raise ValueError("part, replay and max_memory are for one file, and an index names several")
        model = load_indexed(path_text(path), allowed, digests, device)
    else:
        if isinstance(path, bytes | bytearray | memoryview):
            raise TypeError("this is bytes and not a path; use holdfast.loads")
        with open_saved(path) as opening:
            model = opening.load(allowed, part, digests, max_memory, device)
            model = replayed(opening, model) if replay else model
    if into is None:
        return model
    try:
        return load_into(into, model, strict)
    except HoldfastError as error:
        raise error.at(str(path) if isinstance(path, str | os.PathLike) else None) from None


def loads(
    buffer: Any,
    *,
    trusted: Iterable[Any] | None = None,
    trusted_functions: Iterable[Any] | None = None,
    part: str | None = None,
    digests: str = "needed",
    replay: bool = False,
    max_memory: int | None = None,
    copy: bool = False,
) -> Any:
    """Load a model from bytes, without copying them.

    Args:
        buffer: bytes, a bytearray, a memoryview, an mmap: anything with the buffer protocol. Arrays of the model are views
            of it; do not change a writeable buffer while the model is in use. Over a read-only buffer, arrays of up to
            1 MiB are copied and larger ones are read-only.
        copy: copy the buffer first, which gives writeable arrays of the model's own.
        trusted: see `load`.
        trusted_functions: see `load`.
        part: see `load`.
        digests: see `load`.
        replay: see `load`.
        max_memory: see `load`.

    Raises:
        As `load`.
    """
    if digests not in ("needed", "all"):
        raise ValueError(f"digests={digests!r} is not known; give 'needed' or 'all'")
    allowed = policy(trusted, trusted_functions)
    with open_bytes(buffer, copy) as opening:
        model = opening.load(allowed, part, digests, max_memory)
        return replayed(opening, model) if replay else model


def inspect(path: PathOrFile) -> Inspection | Description:
    """Say what is in a file: manifest, types, size, verdict. Imports no machine-learning library and builds nothing.

    Returns:
        An `Inspection`; print it for a text with a tree of the model, or take its attributes. Of a foreign file it says what the
        file names and what it would do if somebody ran it; of an ONNX or PMML file a `Description`, with its proof.

    Raises:
        FormatError: the file is damaged, truncated, or something else.
    """
    from holdfast.artifact.inspect import inspect_opening
    from holdfast.artifact.inspect_foreign import inspect_stranger

    with open_saved(path) as opening:
        if isinstance(opening, Export):
            return opening.describe()
        return inspect_opening(opening) if isinstance(opening, Opening) else inspect_stranger(opening)


def verify(
    path: PathOrFile,
    *,
    trusted: Iterable[Any] | None = None,
    trusted_functions: Iterable[Any] | None = None,
    tolerance: float = 1e-9,
    on_bytes: Callable[[int], None] | None = None,
) -> Proof:
    """Check every digest in a file, load the model, ask it its stored example again, and return the proof.

    Args:
        path: a file, an open binary file, or bytes.
        trusted: see `load`.
        trusted_functions: see `load`.
        tolerance: absolute deviation of an answer up to which a row counts as the same.
        on_bytes: called with the number of bytes just checked, for a progress bar.

    Returns:
        A `Proof`; ``proof.ok`` says whether the model answers as it did, ``proof.verdict`` how nearly.

    Raises:
        Corrupt: a digest does not match; names what is hurt.
        UntrustedType, InvalidState, FormatError: as `load`.
    """
    allowed = policy(trusted, trusted_functions)
    with open_saved(path) as opening:
        if isinstance(opening, Opening):
            return verify_opening(opening, allowed, tolerance, on_bytes)
        opening.load(allowed)
        return Proof("", "no example", tolerance=tolerance, python=python_version())


def predictor(
    source: Any,
    *,
    trusted: Iterable[Any] | None = None,
    trusted_functions: Iterable[Any] | None = None,
    device: Any = None,
) -> Predictor:
    """Return a model behind one interface, the same for every library: rows in, arrays out.

    Args:
        source: a file, an open binary file, bytes, or a model in memory.
        trusted: see `load`.
        trusted_functions: see `load`.
        device: see `load`.

    Returns:
        A `Predictor`: ``predict(rows)``, ``predict_proba(rows)`` and ``ask(method, rows)`` take arrays, frames, lists of records
        and dicts of named inputs, and answer with arrays; ``methods``, ``classes`` and ``signature`` say what it knows.

    Raises:
        UnsupportedOperation: the model has nothing to ask; later, rows that lack a column or have another width.
        UntrustedType, InvalidState, FormatError: as `load`.

    Examples:
        >>> import holdfast
        >>> from sklearn.linear_model import LinearRegression
        >>> model = holdfast.predictor(LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0]))
        >>> model.predict([[3.0]]).round(6)
        array([6.])
    """
    from holdfast.artifact.describe import signature_of
    from holdfast.artifact.predictor import ModelPredictor

    if not is_saved(source):
        return ModelPredictor(source, signature_of(source))
    with open_saved(source) as opening:
        model = opening.load(policy(trusted, trusted_functions), None, "needed", None, device)
        if isinstance(opening, Export):
            answers: Predictor = model
            return answers
        signature = opening.opened.manifest.signature if opening.opened is not None else opening.signature
        return ModelPredictor(model, signature or signature_of(model), opening.source.name)


def convert(
    source: PathOrFile,
    target: PathOrFile,
    *,
    trusted: Iterable[Any] | None = None,
    trusted_functions: Iterable[Any] | None = None,
    allow_pickle: bool = False,
    replace: bool = False,
    durable: bool = True,
) -> Converted:
    """Turn a foreign file into a native one, and prove that it holds the same model. The old file is only read.

    Args:
        source: a pickle, joblib, skops, torch.save, npz, booster or other foreign file, or a model folder of MLflow; or a native
            file, for a target of another format.
        target: the new file; its suffix says the format, as for `save`.
        trusted: see `load`.
        trusted_functions: see `load`.
        allow_pickle: run a pickle that cannot be read as data, in a child process without network, programs or files to write.
        replace: write over a file that is there already.
        durable: see `save`.

    Returns:
        A `Converted`: what the old file was, and what was proven: the same content, and the same answers to the same rows.

    Raises:
        UntrustedType, InvalidState, FormatError, UnsupportedModel: as `load` of the old file.
        AlreadyExists: there is a file of that name.
        ProofFailed: the new file does not give the same model; it is not left behind.
        PolicyRefused: a pickle that was run tried to start programs, to connect or to write.

    Examples:
        >>> import holdfast, pickle, tempfile, os
        >>> folder = tempfile.mkdtemp()
        >>> with open(os.path.join(folder, "old.pkl"), "wb") as file:
        ...     pickle.dump({"mean": 2.5, "words": ["a", "b"]}, file)
        >>> holdfast.convert(os.path.join(folder, "old.pkl"), os.path.join(folder, "new.safetensors")).proof
        'same content'
    """
    from holdfast import converting

    return converting.convert(source, path_text(target), policy(trusted, trusted_functions), allow_pickle, replace, durable)


def convert_folder(
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    *,
    workers: int | None = None,
    dry_run: bool = False,
    on_done: Callable[[Converted, int], None] | None = None,
    **options: Any,
) -> list[Converted]:
    """Convert every model below a folder into a folder beside it, several at a time. Nothing in the old folder is touched.

    Args:
        old: the folder.
        new: where to; the same tree is made there.
        workers: processes; as many as there are cores unless told.
        dry_run: only say what would be converted.
        on_done: called with the record of each file that is done, and how many there are in all.
        options: those of `convert`.

    Returns:
        A `Converted` for every file: converted, refused with the reason, or skipped because it is no model.

    Raises:
        NotFound: there is no such folder.
        FormatError: one of the folders lies in the other.
    """
    from holdfast.converting import convert_folder as convert_all

    return convert_all(path_text(old), path_text(new), workers, dry_run, on_done, options)


def compare(
    a: Any,
    b: Any,
    *,
    on: Any = None,
    limits: Mapping[str, float] | None = None,
    trusted: Iterable[Any] | None = None,
    trusted_functions: Iterable[Any] | None = None,
    predictions: bool = True,
) -> Comparison:
    """Say how two models differ: what they say of themselves, what they take, their tensors, and their answers to the same rows.

    Tensors are compared where they lie, a block at a time. A file is loaded only to be asked: the rows of the stored examples of both, and those given.

    Args:
        a: a file, an open binary file, bytes, a version of a store, or a model in memory.
        b: another one.
        on: rows to ask both, as `Predictor.predict` takes them.
        limits: limit -> bound, for gates: ``changed_labels``, ``deviation``, ``agreement``, ``metric:NAME`` (such as -0.01: it may fall by so much),
            ``breaking``, ``tensors``, ``size``. What could not be found out does not hold.
        trusted: see `load`.
        trusted_functions: see `load`.
        predictions: ask the stored examples. Without, and without ``on``, nothing native is loaded.

    Returns:
        A `Comparison`: ``same`` says whether the content digests agree, ``passed`` whether all limits hold; print it for what differs;
        ``to_dict()`` gives plain data and ``to_html(path)`` a page with pictures. Why rows could not be asked is in ``not_asked``.

    Raises:
        ValueError: there is no such limit.
        FormatError: one is damaged, or no model.
        UnsupportedModel: a model in memory that cannot be saved.
        TrustError: another library's file, which is loaded to be compared, needs to be trusted.

    Examples:
        >>> import holdfast
        >>> from sklearn.linear_model import LinearRegression
        >>> one, two = (LinearRegression().fit([[0.0], [1.0]], [0.0, top]) for top in (2.0, 3.0))
        >>> found = holdfast.compare(one, two, on=[[0.5], [2.0]], limits={"deviation": 0.1})
        >>> found.same, found.passed, [tensor.name for tensor in found.tensors]
        (False, False, ['coef_'])
    """
    from holdfast.comparing.compare import compare_sides
    from holdfast.comparing.limits import checked_limits
    from holdfast.comparing.sides import side

    bounds, allowed = checked_limits(limits), policy(trusted, trusted_functions)
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(side(stack.enter_context(open_saved(one)) if is_saved(one) else one, place, allowed))
                         for one, place in ((a, "the first model"), (b, "the second model")))  # fmt: skip
        return compare_sides(first, second, on, bounds, allowed, predictions)


def connect(
    url: str | os.PathLike[str], *, who: str = "", read_only: bool = False, blob_options: Mapping[str, Any] | None = None, cache: str | os.PathLike[str] | None = None
) -> Store:
    """Open a store of models with their versions, or make one where there is none. Nothing has to be started for a folder.

    Args:
        url: a folder; or ``postgresql://host/database?blobs=PLACE``, with the bytes at another place, such as ``s3://bucket/prefix``.
        who: author of what is written through this store; never taken from the machine.
        read_only: look, and write nothing; for folders that may not be written to.
        blob_options: of the bucket: ``access_key_id``, ``secret_access_key``, ``region``, ``endpoint`` and others (``docs/store.md``), or a
            ``credential_provider``. Nothing is taken from the environment.
        cache: folder of this machine in which blobs of a bucket are kept; unless told, one of this user's in the system's temporary folder.

    Returns:
        A `Store`: ``save``, ``load``, ``versions``, ``alias``, ``rollback``, ``history`` and more; ``docs/store.md`` says what it promises.

    Raises:
        Unavailable: it cannot be reached.
        UnsupportedVersion: a newer holdfast wrote it; it can be read with ``read_only=True``.
        LibraryMissing: holds the install command.

    Examples:
        >>> import holdfast, tempfile
        >>> store = holdfast.connect(tempfile.mkdtemp(), who="ann")
        >>> version = store.save({"threshold": 0.5}, "churn", metrics={"auc": 0.91})
        >>> store.alias("churn@production", version, why="first").n
        1
        >>> store.load("churn@production")
        {'threshold': 0.5}
    """
    from holdfast.store.connecting import connect as open_store

    return open_store(url, who=who, read_only=read_only, blob_options=blob_options, cache=cache)


def expression(*expressions: str, names: str | Iterable[str] | None = None, keep: bool = False) -> Any:
    """Return a transformer of scikit-learn that makes new columns by expressions over columns, and holds no code.

    It takes the place of ``FunctionTransformer(lambda X: X[:, 0] / X[:, 1])``, which no file can keep safely: its whole state is text.

    Args:
        expressions: one text for each output, such as ``"x0 / x1"``, ``"log1p(income) / age"`` or ``"col('monthly income') > 1000"``;
            the language is in docs/expressions.md.
        names: names of the outputs; by default the texts.
        keep: pass the inputs through, before the outputs; they have to be numbers.

    Returns:
        A transformer, not fitted. `fit` looks at the columns alone. ``transform`` takes rows of shape (rows, columns), as arrays, frames or
        lists, and answers float64 of shape (rows, outputs), truths as 1.0 and 0.0; arithmetic is that of numpy, without errors or warnings.

    Raises:
        InvalidExpression: a text is not an expression; shows where. At `fit`: it names a column that is not there.
        LibraryMissing: scikit-learn is not installed.

    Examples:
        >>> import holdfast
        >>> ratio = holdfast.expression("x0 / x1", "x0 > 1", names=["ratio", "large"])
        >>> ratio.fit_transform([[1.0, 2.0], [3.0, 0.0]])
        array([[0.5, 0. ],
               [inf, 1. ]])
        >>> holdfast.loads(holdfast.dumps(ratio)).get_feature_names_out().tolist()
        ['ratio', 'large']
    """
    from holdfast.formula.make import make

    return make(expressions, names, keep)


def export(
    source: Any,
    path: str | os.PathLike[str],
    *,
    example: Any = None,
    target: str | None = None,
    tolerance: float | None = None,
    allow_changed_labels: int = 0,
    trusted: Iterable[Any] | None = None,
    trusted_functions: Iterable[Any] | None = None,
) -> Exported:
    """Translate a model for another runtime, replay the translation there, and hand it over with its proof.

    Args:
        source: a model in memory, or a file that `save` wrote, whose stored example is used.
        path: where to; the suffix says for what: ``.onnx`` or ``.pmml``. What stands there is replaced, or left when the export is refused.
        example: a few rows as ``predict`` takes them. Rows made to hurt are added: thresholds of trees, values that float32 cannot hold, missing ones.
        target: ``"onnx"`` or ``"pmml"``, where the suffix does not say it.
        tolerance: the deviation up to which a row counts as the same: absolute up to one, relative beyond. By default that of the model's family;
            see ``docs/exports.md``.
        allow_changed_labels: labels that may differ; none by default.
        trusted: see `load`.
        trusted_functions: see `load`.

    Returns:
        An `Exported`: path, target, family, plan, bytes, and the proof, which is kept in the file as well.

    Raises:
        ProofFailed: the export deviates further, or changes labels; holds the figures. Nothing is written.
        UnsupportedOperation: the target cannot express a step; names it.
        UnsupportedTarget: there is no target of this name.
        UnsupportedModel: there are no rows to ask; give an example.
        LibraryMissing, EnvironmentMissing, VersionMismatch: holds the install command.

    Examples:
        >>> import holdfast, os, tempfile
        >>> from sklearn.linear_model import LinearRegression
        >>> model = LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])
        >>> made = holdfast.export(model, os.path.join(tempfile.mkdtemp(), "line.onnx"), example=[[0.5], [1.5]])
        >>> made.proof.worst < 1e-9 and made.proof.count > 1000
        True
    """
    from holdfast.artifact.describe import signature_of
    from holdfast.exports.exporting import export as make
    from holdfast.exports.exporting import target_of

    name = path_text(path)
    target_of(name, target)
    options: dict[str, Any] = {"target": target, "tolerance": tolerance, "allow_changed_labels": allow_changed_labels}
    if not is_saved(source):
        return make(source, name, example=example, signature=signature_of(source), **options)
    with open_saved(source) as opening:
        model = opening.load(policy(trusted, trusted_functions))
        kept = opening.example() if example is None else None
        signature = opening.opened.manifest.signature if opening.opened is not None else None
        return make(model, name, example=example if kept is None else kept["inputs"], signature=signature, **options)


def register(
    cls: type,
    *,
    name: str | None = None,
    dump: Callable[[Any], dict[str, Any]] | None = None,
    build: Callable[[dict[str, Any]], Any] | None = None,
    fields: Mapping[str, Iterable[str]] | None = None,
    required: Iterable[str] = (),
    validate: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Make a class of your own library one that holdfast saves and loads without ``trusted=``.

    Call it when your library is imported, on both sides. A file can never do this.

    Args:
        cls: the class; exactly this one, not its subclasses.
        name: the name that files use for it; by default its module and qualified name. Keep it when you move the class.
        dump: object -> explicit fields; by default its attributes.
        build: fields -> object; by default a new object with these attributes. Give both or neither.
        fields: attribute -> kinds it may have, such as ``{"mean_": ["array:f1"]}``; see docs/extend/framework.md.
        required: attributes that have to be there.
        validate: called with the plain fields before anything is built; raises ValueError when they cannot be genuine.

    Raises:
        TypeError: it is not a class, or only one of dump and build is given.
        ValueError: the name is taken by another class or by a shipped type.
    """
    from holdfast.artifact.register import register_class

    register_class(cls, name, dump, build, fields, required, validate)


__all__ = ["compare", "connect", "convert", "convert_folder", "dumps", "export", "expression", "inspect", "load", "loads", "predictor", "register", "save", "verify"]
