"""What ``tools/guards.py`` takes away: checks that are named one by one, modules of which every refusal is tried, and refusals behind others.

The one rule: a line here names tests that run in seconds, for each of them runs once for each guard that nothing else is known to miss.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).resolve().parents[1] / "src"

CONTAINER = "tests/hostile/test_hostile_container.py"
JSON = "tests/hostile/test_hostile_json.py"
TREE = "tests/hostile/test_hostile_tree.py"
TYPES = "tests/hostile/test_hostile_types.py"
ARRAYS = "tests/hostile/test_hostile_arrays.py"
TEXT = "tests/hostile/test_hostile_text.py"
LIMITS = "tests/hostile/test_hostile_limits.py"


class Guard(NamedTuple):
    """One check.

    Attributes:
        what: what it keeps out.
        file: the module, below ``src/holdfast``.
        old: exact text in it, once.
        new: the text that takes its place.
        tests: node ids that have to fail without it.
    """

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _off(what: str, file: str, condition: str, *tests: str) -> Guard:
    """Return a guard that is an ``if``, taken away by a condition that never holds."""
    indent = condition[: len(condition) - len(condition.lstrip())]
    return Guard(what, file, condition, f"{indent}if False:", tests)


def layout(name: str) -> str:
    return f"{CONTAINER}::test_a_layout_that_nothing_wrote_is_refused[{name}]"


def flipped(act: str, region: str) -> str:
    return f"{CONTAINER}::test_a_flipped_bit_in_any_byte_is_noticed[{act}-{region}]"


def fragment(name: str) -> str:
    return f"{JSON}::test_json_that_is_not_well_formed_is_refused[{name}]"


def keys(name: str) -> str:
    return f"{JSON}::test_json_of_other_types_or_other_keys_is_refused[{name}]"


def plain(name: str) -> str:
    return f"{ARRAYS}::test_a_plain_file_that_breaks_the_rules_is_refused[{name}]"


def structure(name: str) -> str:
    return f"{TREE}::test_a_structure_that_nothing_wrote_is_refused[{name}]"


def encoding(name: str) -> str:
    return f"{TREE}::test_a_tree_in_another_encoding_is_refused[{name}]"


def bomb(name: str) -> str:
    return f"{TREE}::test_a_small_file_cannot_ask_for_gigabytes[{name}]"


def state(name: str) -> str:
    return f"{TYPES}::test_a_state_that_no_genuine_object_has_is_refused[{name}]"


def untrusted(name: str) -> str:
    return f"{TYPES}::test_what_is_not_on_the_list_is_neither_imported_nor_run[{name}]"


def sparse(name: str) -> str:
    return f"{ARRAYS}::test_a_sparse_matrix_that_points_outside_itself_is_refused[{name}]"


def compressed(name: str) -> str:
    return f"{ARRAYS}::test_a_compressed_tensor_that_is_not_one_whole_frame_is_refused[{name}]"


def dtype(name: str) -> str:
    return f"{ARRAYS}::test_a_dtype_outside_the_grammar_is_refused[{name}]"


def policy(name: str) -> str:
    return f"{TYPES}::test_trust_is_a_list_of_exact_names_or_classes[{name}]"


HEADER, CONTENT, GRAPH, PLAN = "native/header.py", "native/container.py", "values/graph.py", "trust/plan.py"
BUILD, BUILDING = "frameworks/build.py", "frameworks/building.py"
SPARSE = "trust/state/sparse.py"

GUARDS = (
    # the file and its header
    Guard("files that are something else are named", "foreign/sniff.py", "        if head.startswith(magic) or (magic.isascii()", "        if False and (magic.isascii()", (f"{CONTAINER}::test_the_bytes_decide_what_a_file_is[PNG called safetensors]",)),
    _off("a header is no longer than its limit", HEADER, "    if length > limits.HEADER_BYTES:", f"{JSON}::test_a_string_larger_than_the_header_may_be_is_refused_before_it_is_read"),
    _off("a header of ours has one form", HEADER, "    if raw != write_header(entries, features)[8:]:", keys("keys of an entry in another order")),
    _off("a newer version is refused", HEADER, "    if int(number) > FORMAT_VERSION:", layout("version '2'")),
    _off("an unknown feature is refused", HEADER, "    if features:", layout("version '1 sparse'")),
    _off("a plain header names nothing twice", HEADER, "    if len(found) != len(pairs):", keys("a tensor twice, plain")),
    _off("a file of ours that another tool wrote is refused", HEADER, '    if "holdfast" in metadata or any(name.startswith("holdfast.") for name in entries):',
         plain("our mark after other metadata"), f"{CONTAINER}::test_a_bit_in_the_mark_does_not_turn_a_model_into_a_dict_of_arrays"),
    _off("a field of a structure lies inside the item", "values/dtypes.py", "        if any(offset + size > spec.itemsize for (_, _, offset, _), size in zip(spec.fields, sizes, strict=True)):",
         dtype("an array of structures: a field far outside the item")),
    _off("a frame of zstd is one and whole", "artifact/compression.py", "        if not decoder.eof or decoder.unused_data:", compressed("something after the frame")),
    _off("names of tensors are bounded", HEADER, '        if len(name.encode("utf-8", "surrogatepass")) > limits.TENSOR_NAME_BYTES:', layout("a name of 513 bytes")),
    _off("axes are bounded", HEADER, "        if len(entry.shape) > limits.DIMENSIONS:", plain("65 axes")),
    _off("lengths are not negative", HEADER, "            if length < 0:", plain("two negative lengths")),
    _off("shapes do not overflow", HEADER, "            if count > limits.TENSOR_ELEMENTS or length > limits.TENSOR_ELEMENTS:", layout("a shape whose product overflows")),
    _off("tensors follow one another without gap or overlap", HEADER, "        if begin != position or end < begin:", plain("a gap"), plain("an overlap")),
    _off("a tensor has the bytes of its shape", HEADER, "        if (end - begin) * 8 != count * bits:", plain("a shape that does not fit")),
    _off("a tensor ends inside the file", HEADER, "        if end > available:", plain("fewer bytes than declared")),
    _off("nothing follows the last tensor", HEADER, "    if position != available:", plain("bytes after the last")),
    _off("only regular files are opened", "artifact/source.py", "        if not stat.S_ISREG(status.st_mode):", f"{CONTAINER}::test_only_a_regular_file_is_opened_and_no_more_of_it_is_read_than_needed"),
    Guard("a model never writes to its file", "artifact/source.py", "else memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_COPY))", "else memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ))", (f"{CONTAINER}::test_a_model_never_writes_back_to_its_file",)),
    Guard("a version's model never writes to its blobs", "artifact/source.py", "mmap.MAP_PRIVATE", "mmap.MAP_SHARED", ("tests/store/test_store.py::test_a_model_of_a_store_never_writes_to_its_blobs",)),
    Guard("a suffix that contradicts the bytes is refused", "foreign/sniff.py", "    if allowed is None or found in allowed", "    if True or found in allowed", (f"{CONTAINER}::test_the_bytes_decide_what_a_file_is[a holdfast file called .pkl]",)),
    Guard("what a file would call is never made", PLAN, "            if CALL in table.fields:", "            if False:", ("tests/foreign/test_calls.py::test_a_call_of_a_class_that_the_caller_trusts_is_refused_too",)),
    # manifest, seal, digests
    _off("header and manifest are sealed", CONTENT, "    if check_seal and seal(raw_header, raw) != sealed:", flipped("loads", "manifest and seal")),
    _off("a manifest has one form", CONTENT, "    if not same:", fragment("key twice, in a manifest")),
    _off("nothing is in a file that its manifest does not name", CONTENT, "    if rest is not None:", layout("an extra tensor that the manifest does not name")),
    _off("the content digest is of the content", CONTENT, "    if part.digest != content_digest(part.tree, part.tensors):", keys("content digest of something else")),
    _off("digests are of the one kind", CONTENT, "    if not is_digest(text):", layout("a digest like sha256:00000")),
    _off("tensors are aligned", CONTENT, "    if begin % ALIGN:", layout("a tensor that is not aligned")),
    _off("header and manifest agree", CONTENT, "        if entry.dtype != dtype or (shape is not None and entry.shape != shape):", layout("a tensor of another dtype than its manifest says")),
    _off("a tree matches its digest", "artifact/load.py", "        if PREFIX + blake3(raw).hexdigest() != place.digest:", flipped("loads", "tree")),
    Guard("tensors match their digests", "artifact/tensors.py", "    if PREFIX + blake3(np.frombuffer(raw, np.uint8) if len(raw) else b\"\").hexdigest() != place.digest:", "    if False:", (flipped("loads", "tensors"),)),
    _off("padding is zero", "artifact/load.py", "                if any(self.source.private(self.header.data_start + begin, end - begin)):", flipped("verify", "padding")),
    # compression
    _off("a compressed tensor is not larger than its bytes can be", "artifact/compression.py", "    if size > limits.SMALL_DECODED and size > limits.DECODED_BYTES_PER_STORED * len(stored):", compressed("a tensor that declares 8 TiB")),
    # the tree
    _off("a tree has one encoding", "native/codec.py", "    if not same:", encoding("an integer in two bytes")),
    _off("a newer tree is refused", "native/codec.py", "        if version is not None and version != t.TREE_VERSION:", encoding("a tree of version 2")),
    _off("tables have rows", GRAPH, "        if counts and min(counts) < 1:", structure("a table without rows")),
    _off("nodes are bounded", GRAPH, "        if self.total > limits.NODES:", structure("a tree of 300 million nodes")),
    _off("tables are in order", GRAPH, "            if now < phase:", structure("a list before a tuple")),
    _off("fields are named once", GRAPH, "            if len(set(names)) != len(names):", structure("a key twice")),
    _off("every field has a column", GRAPH, "            if len(table.columns) != len(names):", structure("a field without a column")),
    _off("shapes fit their axes", GRAPH, "            if not 0 <= table.ndim <= limits.DIMENSIONS or len(table.shapes) != rows * table.ndim:", structure("an array of 65 axes"), structure("an array of -1 axes")),
    _off("tensors are used in order and once", GRAPH, "            if table.tensor != taken:", structure("a tensor that starts below zero"), structure("a tensor that starts elsewhere")),
    _off("every tensor is used", GRAPH, "        if taken != tensors:", structure("a tensor that no table uses")),
    _off("numbers have their bytes", GRAPH, "            if len(table.data) != rows * parse_dtype(table.dtype).itemsize:", structure("numbers of fewer rows than bytes")),
    _off("columns have their rows", GRAPH, "            if len(column.values) != rows:", structure("a column that is too short")),
    _off("references lead somewhere", GRAPH, "        if nodes and (min(nodes) < 0 or max(nodes) >= self.total):", structure("a reference that dangles"), structure("a reference below zero")),
    _off("references lead to what is there already", GRAPH, "        if below < self.total and any(below <= node < self.shells for node in nodes):", structure("a tuple of itself"), structure("a tuple of a later tuple")),
    _off("windows stay inside their bytes", GRAPH, "            if low < 0 or high + itemsize > size:", structure("a view that ends behind its bytes"), structure("a view that begins before its bytes")),
    _off("a small tree cannot ask for much", GRAPH, "        if nbytes is not None and self.cells_seen > limits.FREE_CELLS + limits.CELLS_PER_BYTE * nbytes:", bomb("a list of 2**34 times None")),
    _off("keys can be hashed in time", GRAPH, "        if self.keyed:", f"{TREE}::test_a_key_that_takes_for_ever_to_hash_is_refused[a key of 2**60 parts]"),
    # building
    _off("sets and dicts hold what the file says", "frameworks/making.py", "    if len(made) != count:", structure("a set with an item twice")),
    _off("attributes shadow nothing", "frameworks/objects.py", "        if found is not None and field not in slots and (callable(found) or hasattr(type(found), \"__get__\")):", state("the attribute predict of an estimator")),
    _off("dunder attributes are refused", "frameworks/objects.py", "        if field.startswith(\"__\") and field.endswith(\"__\"):", state("the attribute __del__ of an estimator"), state("the attribute __call__ of an estimator")),
    Guard("classes with hooks of their own are refused", BUILDING, "else problem(cls)", "else None", (state("a trusted class with __setstate__"),)),
    _off("a name is the defining name", "frameworks/names.py", "    if name_of(found) != name:", state("a trusted alias of a class")),
    # dtypes
    _off("a dtype has one form", "values/dtypes.py", "    if dtype_text(dtype) != text:", dtype("an array of structures: white space")),
    # trust
    _off("nothing untrusted is built", PLAN, "    if refused:", untrusted("an object of os.system"), untrusted("the function builtins.eval")),
    _off("a type is built in its own way", PLAN, '            if (entry.how == "record") is not (type(table) is t.Records):', state("an estimator as a value")),
    Guard("state is checked against the list", PLAN, "            check_table(view, index, entry)\n    for index", "            pass\n    for index", (state("coef_ is missing"), state("coef_ is 'x'"))),
    _off("native state is checked", PLAN, "            if validator is not None:", sparse("csr_matrix: an index behind the last")),
    _off("attributes are there", "trust/schema.py", "    if missing:", state("coef_ is missing")),
    _off("lengths agree", "trust/schema.py", "        if a is not None and b is not None and a != b:", state("n_features_in_ is not the width of coef_")),
    Guard("an attribute has one of its kinds", "trust/schema.py", "        if not _fits(kind, allowed):\n            row =", "        if False:\n            row =", (state("n_iter_ is True"),)),
    _off("an attribute beside the class is plain data", "trust/schema.py", '        if kind not in PLAIN_KINDS and not kind.startswith(("array:", "number:", "type:pandas.", "type:datetime.", "type:collections.")):', state("an attribute that is not of the class, and no plain data")),
    _off("pointers of sparse matrices ascend", SPARSE, "    if (wrong := indptr[1:] < indptr[:-1]).any():", sparse("csr_matrix: pointers that go back and end right")),
    _off("pointers of sparse matrices end with the entries", SPARSE, "    if indptr[-1] != len(indices):", sparse("csr_matrix: pointers that end early")),
    _off("pointers of sparse matrices start at zero", SPARSE, "    if indptr[0] != 0:", sparse("csr_matrix: pointers that start late")),
    Guard("trees are not too deep", "trust/state/tree_levels.py", '    else:\n        refuse(', "    if False:\n        refuse(", ("tests/trust/test_state_xgboost.py::test_levels_are_counted_and_a_circle_has_no_end",)),
    Guard("a recurrent layer has a mode of its class", "trust/state/torch_layers.py", 'MODES[kind])]\n    inputs, hidden, layers = (integer(fields, name, where, 1, MOST) for name in ("input_size", "hidden_size", "num_layers"))\n    projected', 'tuple(GATES))]\n    inputs, hidden, layers = (integer(fields, name, where, 1, MOST) for name in ("input_size", "hidden_size", "num_layers"))\n    projected', ("tests/trust/test_state_torch.py::test_a_layer_that_does_not_fit_is_refused[a GRU, plain as LSTM]",)),
    _off("there is no switch that trusts everything", "trust/policy.py", "    if given is True or given is False:", policy("True")),
    _off("a bare string is no list", "trust/policy.py", "    if isinstance(given, str):", policy("'acme.Model'")),
    _off("there are no wildcards", "trust/policy.py", "    if \"*\" in name:", policy("['acme.*']")),
    _off("__main__ is given as a class", "trust/policy.py", '    if name.startswith("__main__."):', policy("['__main__.Model']")),
    # text
    Guard("what is shown is escaped", "errors.py", "shown = shown.translate(_CONTROL)", "shown = shown", (f"{TEXT}::test_an_inspection_shows_text_escaped_and_keeps_it_as_data[a colour]",)),
)  # fmt: skip


_STORE = {
    "store": "refusals store admin search card lineage transfer verified",
    "store/apply": "refusals admin catalog store", "store/arriving": "transfer pack registry", "store/beside": "attachments card", "store/card": "card", "store/carried": "refusals transfer pack registry", "store/checking": "admin",
    "store/collecting": "admin store", "store/coming": "transfer pack", "store/changing": "refusals store", "store/connecting": "refusals store filesystem admin cached threats format_object", "store/database": "catalog store admin refusals format_object",
    "store/datadigest": "lineage", "store/filing": "filing", "store/importing": "import_mlflow", "store/journal": "refusals admin store transfer", "store/keeping": "admin", "store/lineage": "lineage said", "store/listing": "refusals store threats search", "store/mlflow_files": "import_mlflow", "store/said": "said",
    "store/mlflow_registry": "import_mlflow", "store/objects": "refusals admin store transfer pack", "store/pieces": "refusals store admin transfer", "store/publish": "admin store", "store/sessions": "admin clocks",
    "store/query": "search", "store/replaying": "refusals admin store transfer", "store/search": "search", "store/times": "search", "store/transfer": "transfer registry",
    "store/blobs": "blobs remote", "store/blobs/cached": "cached", "store/blobs/filesystem": "filesystem", "store/blobs/local": "filesystem blobs store", "store/blobs/places": "remote blobs",
    "store/blobs/probe": "remote filesystem", "store/blobs/remote": "blobs remote cached",
    "store/oci": "registry pack", "store/oci/making": "pack", "store/oci/pack": "pack", "store/oci/tar": "pack",
    "comparing": "compare limits page signatures", "comparing/limits": "limits", "comparing/predictions": "compare", "comparing/sides": "compare",
}  # fmt: skip
"""Module, or a folder for those of its modules that are not here -> the files of its tests."""


def _of_store(folder: str) -> dict[str, tuple[str, ...]]:
    """Return module -> the files of its tests, for every module of a folder."""
    found = {}
    for path in sorted((SOURCES / "holdfast" / folder).rglob("*.py")):
        name = path.relative_to(SOURCES / "holdfast").with_suffix("").as_posix()
        tests = _STORE.get(name) or _STORE[name.rpartition("/")[0] if name.rpartition("/")[0] in _STORE else folder]
        found[f"{name}.py"] = tuple(f"tests/{folder}/test_{one}.py" for one in tests.split())
    return found


_STATE = "trust/state/"
_FIELDS = "tests/trust/test_state_fields.py"
_OTHERS = "tests/trust/test_state_others.py"
MODULES: dict[str, tuple[str, ...]] = {
    HEADER: (LIMITS, JSON, ARRAYS, CONTAINER),
    CONTENT: (LIMITS, CONTAINER, JSON, ARRAYS),
    "native/codec.py": (LIMITS, TREE),
    GRAPH: (LIMITS, TREE),
    "values/dtypes.py": (LIMITS, ARRAYS, "tests/foreign/test_dtypes.py"),
    "values/hashes.py": (TREE,),
    BUILD: (TREE, TYPES, TEXT, ARRAYS),
    BUILDING: (TREE, TYPES, TEXT, ARRAYS),
    "frameworks/making.py": (TREE, TYPES, TEXT, ARRAYS),
    "artifact/compression.py": (ARRAYS,),
    "artifact/source.py": (LIMITS, CONTAINER),
    PLAN: (TYPES,),
    "trust/policy.py": (TYPES,),
    "trust/schema.py": (TYPES,),
    **{
        f"{_STATE}{name}.py": (f"tests/trust/test_state_{tests}.py", _FIELDS)
        for name, tests in {
            "tree": "tree", "tree_walk": "tree", "hist_gradient_boosting": "hist_gradient_boosting", "neighbors": "neighbors",
            "binary_tree": "neighbors", "sparse": "sparse", "svm": "svm", "clusters": "others", "encoders": "others", "others": "others",
            "random_states": "others", "splines": "others", "columns": "others", "linear": "others", "fields": "tree",
        }.items()
    },
    **{
        f"{_STATE}{name}.py": (f"tests/trust/test_state_{tests}.py",)
        for name, tests in {
            "xgboost": "xgboost", "lightgbm": "lightgbm", "tree_levels": "xgboost", "catboost": "catboost", "catboost_info": "catboost", "flatbuffers": "catboost",
            "keras": "keras", "torch_layers": "torch",
        }.items()
    },
    f"{_STATE}torch_program.py": ("tests/hostile/test_hostile_programs.py",),
    f"{_STATE}formula.py": ("tests/formula/test_files.py",),
    "formula/parse.py": ("tests/formula/test_language.py",),
    **{f"formula/{name}.py": ("tests/formula/test_language.py", "tests/formula/test_transformer.py", "tests/formula/test_files.py") for name in ("kinds", "columns", "state", "transformer")},
    "formula/onnx_.py": ("tests/formula/test_onnx.py",),
    "formula/pmml_.py": ("tests/formula/test_pmml.py",),
    **_of_store("comparing"),
    **_of_store("store"),
}  # fmt: skip
"""Modules of which every refusal is tried -> the files of tests that have to notice."""

SECOND: dict[tuple[str, str], str] = {
    (CONTENT, "found[1].data_offsets[1] % ALIGN"): "second: what follows the padding is looked at for its own alignment",
    (BUILDING, "adapter is not None"): "second: the plan has compared the kind of table with the list",
    ("artifact/compression.py", "len(raw) != size"): "second: a whole frame that declares its size decodes to that size, or is refused by zstd",
    ("store/oci/shelf.py", "size is None"): "second: the layers of cards and attachments were compared with what the version says",
    ("store/oci/http.py", "response.length"): "second: who takes a layer as it comes counts its bytes",
    ("artifact/source.py", "isinstance(error, IsADirectoryError)"): "only where a folder cannot even be opened, as on Windows",
    ("artifact/source.py", "closing.errno != errno.EBADF"): "only when closing a descriptor fails",
}
"""(module, condition) of a refusal behind another one -> why no test can reach it."""
