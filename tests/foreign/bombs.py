"""Files of a few kilobytes, or a megabyte at most, that would take a careless reader for ever, or all memory."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import zipfile
import zlib
from typing import Any

from tests.foreign.pickles import (
    call,
    content,
    dtype,
    get,
    lists_of_lists,
    name,
    npy,
    npy_header,
    number,
    old_torch,
    pairs_of_pairs,
    pickled,
    put,
    storage,
    text,
    zipped,
)  # fmt: skip

SAME_HASH = [i * (2**61 - 1) for i in range(1, 20_000)]
"""Integers that all have the hash 0."""
ZEROS = bytes(80 << 20)


def node(loader: str, cls: str = "list", module: str = "builtins", **more: Any) -> dict[str, Any]:
    """Return a node of skops."""
    return {"__class__": cls, "__module__": module, "__loader__": loader, **more}


def skops(root: dict[str, Any], **members: bytes) -> bytes:
    """Return a skops file."""
    return zipped({"schema.json": json.dumps({**root, "protocol": 2, "_skops_version": "0.16"}), **members}, zipfile.ZIP_DEFLATED)


def nested_dtype(levels: int, width: int) -> bytes:
    """Push a structure whose every field is the same structure, and so on."""
    made = dtype() + put(50)
    for level in range(levels):
        names = b"(" + b"".join(text(f"f{i}") for i in range(width)) + b"t"
        fields = b"}(" + b"".join(text(f"f{i}") + get(50 + level) + b"K\0\x86" for i in range(width)) + b"u"
        made += dtype("V8") + b"(K\x03" + text("|") + b"N" + names + fields + b"K\x08K\x01K\x10tb" + put(51 + level)
    return made + get(50 + levels)


def nested_state(levels: int) -> bytes:
    made = b"}" + text("a") + b"K\x01s" + put(50)
    for level in range(levels):
        made += b"}(" + text("a") + get(50 + level) + text("b") + get(50 + level) + b"u" + put(51 + level)
    return made + call("numpy.random._pickle.__bit_generator_ctor", text("PCG64")) + b"}(" + text("bit_generator") + text("PCG64") + text("state") + get(50 + levels) + b"uN\x86b"


def many_calls(what: bytes, whole: str, *rest: bytes, times: int = 20_000) -> bytes:
    """Give one large thing to many calls."""
    more = b"".join(rest)
    return what + put(1) + name(whole) + put(2) + b"](" + (get(2) + b"(" + get(1) + more + b"tR") * times + b"e"


def many_states(state: bytes, made: bytes, times: int = 20_000) -> bytes:
    """Give one large state to many objects."""
    return state + put(1) + b"](" + (made + get(1) + b"b") * times + b"e"


def many_arrays(raw: bytes, kind: str, count: int, times: int = 20_000) -> bytes:
    start = raw + put(1) + dtype(kind) + put(2) + name("numpy._core.multiarray._reconstruct") + put(3) + name("numpy.ndarray") + b"K\0\x85C\1b\x87" + put(4)
    return start + b"](" + (get(3) + get(4) + b"R(K\x01J" + struct.pack("<i", count) + b"\x85" + get(2) + b"\x89" + get(1) + b"tb") * times + b"e"


def nested_old(levels: int) -> bytes:
    inner = old_torch(b"N")
    for _ in range(levels):
        inner = old_torch(call("torch.storage._load_from_bytes", content(inner)))
    return call("torch.storage._load_from_bytes", content(inner))


def window(size: bytes, stride: bytes, times: int = 1) -> bytes:
    """Return a file of torch.save with windows into a storage of one number."""
    made = storage("0", 1) + put(1) + b"](" + (name("torch._utils._rebuild_tensor_v2") + b"(" + get(1) + b"K\0" + size + stride + b"\x89NtR") * times + b"e"
    return zipped({"a/data.pkl": pickled(made), "a/data/0": bytes(4)})


NOTHINGS = b"](" + b"N" * 500_000 + b"e"
LIST_NODE = '{"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":['
HUGE = b"J\xff\xff\xff\x7f"
WRAPPER = name("joblib.numpy_pickle.NumpyArrayWrapper") + b")\x81"
LINEAR = name("sklearn.linear_model._base.LinearRegression")

PICKLES: dict[str, bytes] = {
    # shared parts, counted each time
    "pairs_as_key": b"}" + pairs_of_pairs(60) + b"Ns", "pairs_in_set": b"\x8f(" + pairs_of_pairs(60) + pairs_of_pairs(60, b"K\x02") + b"\x90",
    "pairs_in_frozen_set": b"(" + pairs_of_pairs(60) + pairs_of_pairs(60, b"K\x02") + b"\x91", "pairs_as_persistent_id": pairs_of_pairs(60) + b"Q",
    "pairs_as_argument": call("os.system", pairs_of_pairs(60)), "pairs_as_name": text("os") + pairs_of_pairs(60) + b"\x93",
    "pairs_as_axes": name("numpy._core.numeric._frombuffer") + b"(" + content(bytes(64)) + dtype() + b"K\x02K\x02K\x02\x87" + text("C") + b"(" + pairs_of_pairs(60) * 3 + b"ttR",
    "pairs_as_field_name": dtype("V8") + b"(K\x03" + text("|") + b"N" + pairs_of_pairs(60) + b"\x85}" + text("a") + dtype() + b"K\0\x86sK\x08K\x01K\x10tb",
    "lists_as_fill_value": name("numpy.ma.core._mareconstruct") + b")R(K\x01K\x01\x85" + dtype() + b"\x89" + content(bytes(8)) + content(b"\0") + lists_of_lists(50) + b"tb",
    "lists_as_weights": call("sklearn.metrics._dist_metrics.newObj", name("sklearn.metrics._dist_metrics.MinkowskiDistance64")) + b"(G" + struct.pack(">d", 2) + lists_of_lists(50) + b"Ntb",
    "dicts_as_random_state": nested_state(60), "dtype_of_dtypes": nested_dtype(6, 200), "dtype_of_many_fields": nested_dtype(2, 1000), "long_tuple_as_every_key":
    b"}(" + b"(" + b"N" * 50_000 + b"t" + put(9) + (get(9) + b"\x85N") * 50_000 + b"u", "huge_number_as_every_key": b"}(" + number(1 << 3_000_000) + put(9) + (get(9) + b"N") * 50_000 + b"u",
    # one thing, given to many calls
    "text_encoded_many_times": text("a" * 1_000_000) + put(1) + text("latin1") + put(2) + name("_codecs.encode") + put(3) + (get(3) + get(1) + get(2) + b"\x86R0") * 60_000 + b"N",
    "sets_of_one_list": many_calls(NOTHINGS, "builtins.set"), "queues_of_one_list": many_calls(NOTHINGS, "collections.deque"),
    "dicts_of_one_dict": many_calls(b"}(" + b"K\x01N" * 300_000 + b"u", "collections.OrderedDict"), "arrays_of_one_list": many_arrays(NOTHINGS, "O", 500_000),
    "objects_of_one_state": many_states(b"}(" + b"".join(text(str(i)) + b"N" for i in range(50_000)) + b"u", LINEAR + b")\x81", 5_000),
    "arrays_of_one_text": many_arrays(text("a" * 500_000), "u1", 500_000), "arrays_of_one_content": many_arrays(content(b"a" * 500_000), "f4", 125_000),
    "files_of_one_content": many_calls(content(old_torch(storage("k", 250_000, b"N"), b"]" + text("k") + b"a", struct.pack("<q", 250_000) + bytes(1_000_000))), "torch.storage._load_from_bytes"),
    # depth
    "deep_lists": b"]" * 100_000 + b"a" * 99_999, "deep_tuples": b"N" + b"\x85" * 100_000, "deep_key": b"}N" + b"\x85" * 30_000 + b"Ns", "deep_dicts": b"}K\x01" * 100_000 + b"N" + b"s" * 100_000,
    "marks": b"(" * 1_000_000 + b"N", "deep_calls": name("torch._tensor._rebuild_from_type_v2") + put(1) + name("torch.Tensor") + put(2) + (get(1) + b"(" + get(1) + get(2)) * 20_000 + b")" + b"NtR" * 20_000,
    "deep_states": LINEAR + put(1) + (get(1) + b")\x81}" + text("a")) * 20_000 + b"N" + b"sb" * 20_000, "files_in_files": nested_old(500),
    "deep_results": name("x.y") + put(1) + get(1) + b")" + (b"\x81" + put(2) + get(1) + get(2) + b"\x85") * 30_000 + b"R",
    # lengths
    "long_number": b"\x8b" + struct.pack("<i", 600_000) + b"\x01" * 600_000, "number_as_text": b"I" + b"9" * 1_000_000 + b"\n", "long_as_text": b"L" + b"9" * 1_000_000 + b"L\n",
    "float_as_text": b"F" + b"9" * 1_000_000 + b"\n", "place_in_memo": b"Np99999999999999999999999\n", "length_of_bytes": b"\x8e" + b"\xff" * 8, "length_of_text": b"\x8d" + b"\xff" * 7 + b"\x7f",
    "length_of_bytearray": b"\x96" + b"\xff" * 8, "length_below_zero": b"T\xff\xff\xff\xff", "long_below_zero": b"\x8b\xff\xff\xff\xff", "frame": b"\x95" + b"\xff" * 8 + b"N", "line": b"I" + b"1" * 1_000_000,
    "long_name": text("a" * 1_000_000) * 2 + b"\x93", "many_names": b"(" + b"".join(b"c%x\nb\n" % i for i in range(50_000)) + b"t", "frames_in_frames": b"\x95" + struct.pack("<Q", 20) + b"\x95" + bytes(8) + b"N" * 30,
    # hashes that are all the same
    "numbers_of_one_hash": b"}(" + b"".join(number(one) + b"N" for one in SAME_HASH) + b"u", "set_of_one_hash": b"\x8f(" + b"".join(map(number, SAME_HASH)) + b"\x90",
    "tuples_of_one_hash": b"}(" + b"".join(number(one) + b"\x85N" for one in SAME_HASH) + b"u", "floats_of_one_hash": b"}(" + b"".join(b"G" + struct.pack(">d", one * 2.0**61) + b"N" for one in range(20_000)) + b"u",
    "key_without_hash": b"}]Ns", "key_that_is_a_dict": b"}}Ns", "item_without_hash": b"\x8f(]\x90", "object_as_key": b"}" + LINEAR + b")\x81Ns", "itself_as_key": b"}q\x01h\x01Ns", "list_in_itself": b"]q\x01h\x01a",
    "tuple_in_itself": b"(]q\x01h\x01at", "argument_in_itself": name("collections.deque") + b"]q\x01\x85Rq\x02h\x01h\x02a0", "state_in_itself": LINEAR + b")\x81q\x01}" + text("a") + b"h\x01sb",
}  # fmt: skip

OTHERS: dict[str, bytes] = {
    "shape.joblib": pickled(WRAPPER + b"}(" + text("subclass") + name("numpy.ndarray") + text("dtype") + dtype() + text("shape") + b"(" + number(1 << 3_000_000) + put(9) + get(9) * 100_000 + b"t" + text("order") + text("C") + b"ub"),
    "objects_in_objects.joblib": pickled(b"](" + (WRAPPER + b"}(" + text("subclass") + name("numpy.ndarray") + text("dtype") + dtype("O") + text("shape") + b"K\x01\x85" + text("order") + text("C") + b"ub") * 3000),
    "keys.pt": old_torch(b"N", b"]" + pairs_of_pairs(60) + b"a"), "system.pt": old_torch(b"N", system=b"}" + pairs_of_pairs(60) + b"Ns"),
    "memory.pt": old_torch(b"](" + b"".join(storage(f"k{i}", 50_000, b"N") for i in range(5_000)) + b"e", b"]"), "root_is_a_storage.pt": zipped({"a/data.pkl": pickled(storage("0", 1)), "a/data/0": bytes(4)}),
    "window_too_large.pt": window(HUGE + HUGE + b"\x86", b"K\0K\0\x86"), "windows_of_one_number.pt": window(b"J" + struct.pack("<i", 1_000_000) + b"\x85", b"K\0\x85", 500),
    "stride.pt": window(b"K\x02\x85", b"\x8a\x08" + b"\xff" * 7 + b"\x3f\x85"), "nothing_of_a_large_shape.pt": window(b"K\0\x8a\x08" + b"\xff" * 7 + b"\x3f\x86", b"K\x01K\x01\x86"),
    "bytes_many_times.skops": skops(node("ListNode", content=[node("BytesNode", "bytes", file="a")] * 5000), a=bytes(30_000_000)),
    "lengths.skops": skops(node("NdArrayNode", "ndarray", "numpy", type="json", content=[], shape=node("JsonNode", content="[" + ",".join(["9" * 4000] * 3000) + "]"))),
    "text_as_length.skops": skops(node("NdArrayNode", "ndarray", "numpy", type="json", content=[], shape=node("JsonNode", content='["aaaaaaaa",1000000000]'))),
    "deep.skops": zipped({"schema.json": (LIST_NODE * 5000 + "]}" * 5000)[:-1] + ',"protocol":2}'}), "deep_json.skops": skops(node("JsonNode", content="[" * 100_000 + "]" * 100_000)),
    "large_key.skops": skops(node("DictNode", "dict", key_types=node("ListNode", content=[node("TypeNode", "int64", "numpy")]), content={"9" * 50: node("JsonNode", content="1")})),
    "long_key.skops": skops(node("DictNode", "dict", key_types=node("ListNode", content=[node("TypeNode", "int")]), content={"9" * 5000: node("JsonNode", content="1")})),
    "arguments.skops": skops(node("ConstructorFromReduceNode", "X", "acme", content=node("JsonNode", content="5"))), "nothing.skops": skops(node("ListNode", content=[None])),
    "names.skops": skops(node("TypeNode", cls={"a": 1}, module=[1])),  # type: ignore[arg-type]
    "zlib.pkl": zlib.compress(b"\x80\x04" + ZEROS, 9), "gzip.gz": gzip.compress(b"\x80\x04" + ZEROS), "bz2.bz2": bz2.compress(b"\x80\x04" + ZEROS), "xz.xz": lzma.compress(b"\x80\x04" + ZEROS, preset=1),
    "lzma.lzma": lzma.compress(b"\x80\x04" + ZEROS, lzma.FORMAT_ALONE, preset=1), "dictionary.lzma": b"\x5d\x00\x00\xff\xff" + b"\xff" * 8 + bytes(50), "twice.pkl": zlib.compress(zlib.compress(b"\x80\x04N.")),
    "members.gz": gzip.compress(b"\x80\x04N") + gzip.compress(b"."), "no_end.pkl": zlib.compress(b"\x80\x04N.")[:-4], "claims.npz": zipped({"a.npy": npy("'<f8'", f"({len(ZEROS) // 8},)", ZEROS)}, zipfile.ZIP_DEFLATED),
    "deep.json": b'{"learner":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "lists.json": b'{"learner":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "number.json": b'{"learner":' + b"9" * 100_000 + b',"version":[2,0,0]}',
    "deep.txt": b"tree\nversion=v4\npandas_categorical:" + b"[" * 100_000, "deep.ubj": b"{L\0\0\0\0\0\0\0\x07learner" + b"[" * 100_000, "empty.pkl": b"", "dot.pkl": b".", "start.pkl": b"\x80\x04", "end.pkl": b"\x80\x04.",
}  # fmt: skip

DESCRIPTIONS = (
    "[((),'<f8')]", "None", "5", "()", "[()]", "[('a','<f8',(2**31,))]", "[('a','|V2000000000'),('b','|V2000000000')]", "'f8,('", "{'names':['a'],'formats':['f8']}", "[('a','<f8',(1,)*100)]",
    "'<U999999999999'", "'O,i4'", "['a']", "[[('a','f8')]]", "[('a','<f8',(99999999999,99999999999))]", "[('a',[])]", "[]", "[('','|V8')]", "b'<f8'", "{1,2}", "True", "1.5", "('<f8',(3,))", "[('a','<f8','x')]",
    "[('\\ud800','<f8')]", "[('a\\0b','<f8')]", "[('a','<f8'),('a','<f4')]", "'<f8'.x", "...", "'m8[25s]'", "'M8[99999999999s]'", "'|S-1'", "'i3'", "[(('a','b'),'<f8')]", "[(('a',),'<f8')]", "[(1,'<f8')]", "[(None,'<f8')]",
)  # fmt: skip
SHAPES = ("(-1,)", "(2**62,)", "(4611686018427387903,)", "(1,)*99", "(True,)", "(1.0,)", "(0,4611686018427387903,4611686018427387903)", "((1,),)", "[1]", "None", "(4294967296,4294967296)")
HEADERS = (
    b"(" * 900_000, b"-" * 900_000 + b"1", b"[" * 900_000, b"not " * 200_000 + b"1", b"1" + b"+1j" * 200_000, b"9" * 900_000, b"'a' " * 200_000, b"{1:" * 200_000, bytes(1000), b"1 if 1 else " * 80_000 + b"1",
    b"lambda:" * 100_000 + b"1", b"a" + b".a" * 400_000, b"a" + b"()" * 400_000, b"1" + b"**1" * 300_000, b"f'{1}' " * 100_000, b"*" * 900_000, b"# coding: utf-7\n{}",
)  # fmt: skip


def bombs() -> dict[str, bytes]:
    """Return file name -> content."""
    made = {f"{one}.pkl": pickled(body) for one, body in PICKLES.items()} | OTHERS
    made |= {f"description{i}.npy": npy(one) for i, one in enumerate(DESCRIPTIONS)} | {f"shape{i}.npy": npy("'<f8'", one) for i, one in enumerate(SHAPES)}
    made |= {f"header{i}.npy": npy_header(one) for i, one in enumerate(HEADERS)}
    return made | {"fields.npy": npy("[" + ",".join(f"('f{i}','<f4')" for i in range(20_000)) + "]", "(0,)", b""), "nothings.npy": npy("'<U0'", "(1000000000,)", b"")}
