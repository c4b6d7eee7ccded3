"""Group B of the threat table: the two JSON documents of a file, malformed in every way we could think of.

A fragment is put where a correct one is known to be accepted, so that nothing but the fragment can be the reason of a
refusal. A plain safetensors header is any valid JSON; header and manifest of the holdfast profile have one form each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import FormatError, HoldfastError, LimitExceeded, UnsupportedVersion
from holdfast.values import limits
from tests.hostile.crafted import altered, framed
from tests.hostile.oracle import Case, Watcher, check

SMALL = holdfast.dumps({"a": np.arange(3.0), "b": [1, 2]})
DEEP = 100_000

# -- fragments that are no JSON values -----------------------------------------------------------------------------------

NUMBERS = {
    "NaN": b"NaN", "Infinity": b"Infinity", "minus Infinity": b"-Infinity", "nan": b"nan", "inf": b"inf", "plus sign": b"+1",
    "no digits before the point": b".5", "no digits after the point": b"1.", "only a point": b".", "leading zero": b"01",
    "leading zeros": b"001", "negative leading zero": b"-01", "hexadecimal": b"0x1", "octal": b"0o1", "binary": b"0b1",
    "exponent without digits": b"1e", "exponent with a sign only": b"1e+", "point before the exponent": b"1.e1", "two exponents": b"1e1e1",
    "two signs": b"--1", "sign only": b"-", "sign after": b"1-", "two points": b"1.0.0", "underscore": b"1_0", "thousands": b"1,000.5.1",
    "space inside": b"1 0", "full-width digit": "１".encode(), "Arabic digit": "٣".encode(), "superscript": "²".encode(), "infinity sign": "∞".encode(),
    "suffix L": b"1L", "suffix f": b"1f", "suffix n": b"1n", "complex": b"1j", "fraction": b"1/2", "percent": b"1%", "NUL after": b"1\0",
}  # fmt: skip
STRINGS = {
    "single quotes": b"'x'", "back quotes": b"`x`", "no quotes": b"x", "typographic quotes": "“x”".encode(), "triple quotes": b'"""x"""',
    "unterminated": b'"x', "unterminated escape": b'"x\\', "escaped end": b'"x\\"', "two strings": b'"x" "y"', "plus": b'"x"+"y"',
    "hexadecimal escape": b'"\\x41"', "octal escape": b'"\\101"', "escape a": b'"\\a"', "escape v": b'"\\v"', "escape 0": b'"\\0"',
    "escape quote": b"\"\\'\"", "escape e": b'"\\e"', "escape U": b'"\\U00000041"', "escape newline": b'"\\\n"', "short escape": b'"\\u12"',
    "escape not hexadecimal": b'"\\u12G4"', "escape with sign": b'"\\u+041"', "escape with space": b'"\\u 041"', "escape with braces": b'"\\u{41}"',
    "raw line feed": b'"a\nb"', "raw carriage return": b'"a\rb"', "raw tab": b'"a\tb"', "raw NUL": b'"a\0b"', "raw escape": b'"a\x1b[31mb"',
    "raw unit separator": b'"a\x1fb"', "byte FF": b'"a\xffb"', "byte FE": b'"\xfe"', "lone continuation": b'"\x80"', "lone start": b'"\xc3"',
    "overlong slash": b'"\xc0\xaf"', "overlong NUL": b'"\xc0\x80"', "overlong of three": b'"\xe0\x80\xaf"', "encoded high surrogate": b'"\xed\xa0\x80"',
    "encoded low surrogate": b'"\xed\xb0\x80"', "encoded pair": b'"\xed\xa0\xbd\xed\xb8\x80"', "beyond Unicode": b'"\xf4\x90\x80\x80"',
    "five bytes": b'"\xf8\x88\x80\x80\x80"', "cut character": b'"\xe2\x82"', "Latin-1": "ä".encode("latin-1").join((b'"', b'"')),
    "lone high surrogate": b'"\\ud800"', "lone low surrogate": b'"\\udc00"', "two high surrogates": b'"\\ud800\\ud800"',
    "high surrogate and a letter": b'"\\ud800x"', "reversed pair": b'"\\udc00\\ud800"', "high surrogate and an escape": b'"\\ud800\\n"',
}  # fmt: skip
VALUES = {
    "True": b"True", "TRUE": b"TRUE", "None": b"None", "NULL": b"NULL", "nul": b"nul", "nulll": b"nulll", "truee": b"truee", "tru": b"tru",
    "undefined": b"undefined", "nothing": b"", "only a comma": b",", "only a colon": b":", "only a bracket": b"[", "only a brace": b"{",
    "trailing comma in a list": b"[1,]", "leading comma in a list": b"[,1]", "two commas in a list": b"[1,,1]", "only a comma in a list": b"[,]",
    "no comma in a list": b"[1 1]", "semicolon in a list": b"[1;1]", "colon in a list": b"[1:1]", "pair in a list": b'["a":1]', "unclosed list": b"[1",
    "list closed twice": b"[1]]", "list closed as a map": b"[1}", "trailing comma in a map": b'{"a":1,}', "leading comma in a map": b'{,"a":1}',
    "two commas in a map": b'{"a":1,,"b":1}', "no comma in a map": b'{"a":1 "b":1}', "no colon": b'{"a" 1}', "two colons": b'{"a"::1}',
    "equals sign": b'{"a"=1}', "arrow": b'{"a"=>1}', "no value": b'{"a":}', "only a key": b'{"a"}', "no key": b"{:1}", "key without quotes": b"{a:1}",
    "key in single quotes": b"{'a':1}", "number as a key": b"{1:1}", "null as a key": b"{null:1}", "list as a key": b"{[]:1}", "map as a key": b"{{}:1}",
    "unclosed map": b'{"a":1', "map closed as a list": b'{"a":1]', "map closed twice": b'{"a":1}}', "parentheses": b"(1)", "set": b"{1,2}",
    "line comment": b"//x\n1", "block comment": b"/*x*/1", "hash comment": b"#x\n1", "comment after": b"1/*x*/", "bytes literal": b'b"x"',
    "form feed": b"\x0c1", "vertical tab": b"\x0b1", "no-break space": "\u00a01".encode(), "byte order mark inside": "\ufeff1".encode(),
    "line separator": "\u20281".encode(), "zero-width space": "\u200b1".encode(), "NUL before": b"\x001", "template": b"${1}", "function": b"f(1)",
    "lists 100,000 deep": b"[" * DEEP + b"]" * DEEP, "open lists 100,000 deep": b"[" * DEEP, "maps 100,000 deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "open maps 100,000 deep": b'{"a":' * DEEP, "both 50,000 deep": b'[{"a":' * (DEEP // 2) + b"1" + b"}]" * (DEEP // 2),
    "an integer of a million digits": b"9" * 1_000_000, "a negative integer of a million digits": b"-" + b"9" * 1_000_000,
    "an exponent of a million digits": b"1e" + b"9" * 1_000_000, "1e400": b"1e400", "-1e999": b"-1e999", "1e99999": b"1e99999",
}  # fmt: skip
TWICE = {
    "key twice": b'{"a":1,"a":1}', "key twice with other values": b'{"a":1,"a":2}', "key twice, once escaped": b'{"a":1,"\\u0061":1}',
    "key twice, deeper": b'{"x":{"y":{"a":1,"a":1}}}', "key twice in a list": b'[[{"a":1,"a":1}]]', "empty key twice": b'{"":1,"":1}',
    "key twice among many": b"{" + b",".join(b'"k%d":1' % i for i in range(500)) + b',"k250":1}',
}  # fmt: skip
UNCANONICAL = {
    "space before": b" 1", "space after": b"1 ", "line feed": b"\n1", "tab": b"\t1", "space in a list": b"[1, 1]", "space in a map": b'{"a": 1}',
    "escaped letter": b'"\\u0061"', "escaped slash": b'"\\/"', "escaped character that needs none": b'"\\u00e4"', "upper-case escape": b'"\\u001F"',
    "long escape of a line feed": b'"\\u000a"', "escaped pair": b'"\\ud83d\\ude00"', "escaped quote as a number": b'"\\u0022"', "minus zero": b"-0",
    "float with a zero at the end": b"1.50", "exponent in capitals": b"1E5", "exponent with a plus": b"1e+5", "exponent of an integer": b"100e-2",
    "more digits than needed": b"0.1000000000000000055511151231257827", "keys out of order": b'{"b":1,"a":1}',
    "keys out of order, deeper": b'[{"x":{"b":1,"a":1}}]', "float without a point in range": b"1e2", "a float as 1.0e0": b"1.0e0",
}  # fmt: skip

# -- documents that are malformed as a whole -----------------------------------------------------------------------------

Edit = Callable[[bytes], bytes]
DOCUMENTS: dict[str, Edit] = {
    "empty": lambda d: b"",
    "only spaces": lambda d: b"    ",
    "only a brace": lambda d: b"{",
    "only an empty map": lambda d: b"{}",
    "a list": lambda d: b"[" + d + b"]",
    "a string": lambda d: json.dumps(d.decode()).encode(),
    "null": lambda d: b"null",
    "a number": lambda d: b"12",
    "two documents": lambda d: d + d,
    "two documents, one a line": lambda d: d + b"\n" + d,
    "text after": lambda d: d + b"x",
    "a brace after": lambda d: d + b"}",
    "NUL after": lambda d: d + b"\0",
    "a comma after": lambda d: d + b",",
    "last brace missing": lambda d: d[:-1],
    "first brace missing": lambda d: d[1:],
    "half of it": lambda d: d[: len(d) // 2],
    "byte order mark": lambda d: b"\xef\xbb\xbf" + d,
    "UTF-16": lambda d: d.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda d: d.decode().encode("utf-16-le"),
    "UTF-32": lambda d: d.decode().encode("utf-32"),
    "UTF-7": lambda d: d.replace(b"a", b"+AGE-"),
    "space before": lambda d: b" " + d,
    "line feed before": lambda d: b"\n" + d,
    "line feed after": lambda d: d + b"\n",
    "a comment before": lambda d: b"//x\n" + d,
    "single quotes throughout": lambda d: d.replace(b'"', b"'"),
    "colons without": lambda d: d.replace(b":", b" "),
    "every comma twice": lambda d: d.replace(b",", b",,"),
    "a comma before the last brace": lambda d: d[:-1] + b",}",
    "braces as brackets": lambda d: d.replace(b"{", b"[").replace(b"}", b"]"),
    "upper case": lambda d: d.upper(),
    "a NUL in the middle": lambda d: d[: len(d) // 2] + b"\0" + d[len(d) // 2 :],
    "an FF in the middle": lambda d: d[: len(d) // 2] + b"\xff" + d[len(d) // 2 :],
}

# -- where they are put --------------------------------------------------------------------------------------------------

PLAIN = b'{"__metadata__":{"k":@TEXT},"a":{"dtype":"F64","shape":[@NUMBER],"data_offsets":[0,8]}}'


def plain(number: bytes = b"1", text: bytes = b'"v"') -> bytes:
    """Return a plain safetensors file with these fragments in its header."""
    return framed(PLAIN.replace(b"@TEXT", text).replace(b"@NUMBER", number), 1) + bytes(8)


def plain_document(edit: Edit) -> bytes:
    return framed(edit(b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}'), 1) + bytes(8)


def native(number: bytes) -> bytes:
    """Return a holdfast file with a fragment as the shape of a tensor, sealed."""
    return altered(SMALL, header=lambda h: h.replace(b'"shape":[3]', b'"shape":[' + number + b"]", 1))


def manifest(edit: Edit) -> bytes:
    """Return a holdfast file with its manifest altered, sealed."""
    return altered(SMALL, manifest=edit)


def extra(value: bytes) -> bytes:
    """Return a holdfast file with a fragment in the free part of its manifest, sealed."""
    return manifest(lambda m: m.replace(b'"extra":{}', b'"extra":{"k":' + value + b"}", 1))


def field(name: str, value: str) -> bytes:
    """Return a holdfast file with one field of its manifest replaced, sealed."""
    import msgspec

    def edit(text: bytes) -> bytes:
        whole = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        whole[name] = msgspec.Raw(value.encode())
        return msgspec.json.encode(whole)

    return manifest(edit)


def part(name: str, value: str) -> bytes:
    """Return a holdfast file with one field of ``content`` replaced, sealed."""
    return manifest(lambda m: _within(m, b'"content":{', name, value))


def _within(text: bytes, start: bytes, name: str, value: str) -> bytes:
    import msgspec

    whole = json.loads(text)
    inner = whole[start.split(b'"')[1].decode()]
    inner[name] = "@"
    return msgspec.json.encode(whole).replace(b'"@"', value.encode(), 1)


def tensor(value: str) -> bytes:
    """Return a holdfast file with another line for its one tensor in the manifest, sealed."""
    return part("tensors", f"[{value}]")


def _left_out(text: bytes, name: str) -> bytes:
    import msgspec

    whole = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    del whole[name]
    return msgspec.json.encode(whole)


def _sorted_keys(text: bytes) -> bytes:
    import msgspec

    return msgspec.json.encode(msgspec.json.decode(text), order="sorted")


ORDINARY = {"lenient": ()}
FRAGMENTS = {
    **{f"{name}, in a plain header": Case(plain(number=value), **ORDINARY) for name, value in NUMBERS.items()},
    **{f"{name}, in a plain header": Case(plain(text=value), **ORDINARY) for name, value in STRINGS.items()},
    **{f"{name}, in a plain header": Case(plain(number=value), **ORDINARY) for name, value in VALUES.items() if value},
    **{f"{name}, in a native header": Case(native(value), **ORDINARY) for name, value in {**NUMBERS, **STRINGS, **VALUES}.items()},
    **{f"{name}, in a manifest": Case(extra(value), **ORDINARY) for name, value in {**NUMBERS, **STRINGS, **VALUES}.items()},
    **{f"{name}, in a manifest": Case(extra(value), **ORDINARY) for name, value in {**TWICE, **UNCANONICAL}.items()},
    **{f"{name}, in a native header": Case(native(value), **ORDINARY) for name, value in {" 3": b" 3", "3 ": b"3 ", "3.0": b"3.0", "3e0": b"3e0"}.items()},
    **{f"{name} as a document, a plain header": Case(plain_document(edit), **ORDINARY)
       for name, edit in DOCUMENTS.items() if name not in ("line feed after", "only an empty map")},
    **{f"{name} as a document, a native header": Case(altered(SMALL, header=edit), **ORDINARY) for name, edit in DOCUMENTS.items()},
    **{f"{name} as a document, a manifest": Case(manifest(edit), **ORDINARY) for name, edit in DOCUMENTS.items()},
}  # fmt: skip

ENTRY = '{"dtype":"F64","shape":[1],"data_offsets":[0,8]}'
PLAIN_KEYS = {
    "a tensor twice": f'{{"a":{ENTRY},"a":{ENTRY}}}',
    "a tensor twice, once escaped": f'{{"a":{ENTRY},"\\u0061":{ENTRY}}}',
    "a tensor twice with other places": '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
    "the metadata twice": f'{{"__metadata__":{{"a":"1"}},"__metadata__":{{"a":"1"}},"a":{ENTRY}}}',
    "a key of the metadata twice": f'{{"__metadata__":{{"a":"1","a":"2"}},"a":{ENTRY}}}',
    "a dtype twice": '{"a":{"dtype":"F64","dtype":"F64","shape":[1],"data_offsets":[0,8]}}',
    "a shape twice": '{"a":{"dtype":"F64","shape":[1],"shape":[1],"data_offsets":[0,8]}}',
}
TYPES = {
    **{f"a tensor that is {value}, plain": Case(framed(f'{{"a":{value}}}'.encode(), 1) + bytes(8), **ORDINARY)
       for value in ("null", "1", '"x"', "[]", "true", "{}", "[1,[0,8]]")},
    **{f"a dtype that is {value}, plain": Case(framed(f'{{"a":{{"dtype":{value},"shape":[1],"data_offsets":[0,8]}}}}'.encode(), 1) + bytes(8), says="$", **ORDINARY)
       for value in ("null", "1", "[]", "{}", "true", '["F64"]')},
    **{f"a shape that is {value}, plain": Case(framed(f'{{"a":{{"dtype":"F64","shape":{value},"data_offsets":[0,8]}}}}'.encode(), 1) + bytes(8), says="$", **ORDINARY)
       for value in ("null", "1", '"1"', "{}", "[null]", "[true]", "[1.0]", '["1"]', "[[1]]", "[{}]", '{"0":1}', "[1e0]")},
    **{f"offsets that are {value}, plain": Case(framed(f'{{"a":{{"dtype":"F64","shape":[1],"data_offsets":{value}}}}}'.encode(), 1) + bytes(8), says="$", **ORDINARY)
       for value in ("null", "8", "[]", "[0]", "[0,8,8]", '["0","8"]', "[0.0,8.0]", "[false,8]", '{"0":0,"1":8}', "[0,null]")},
    **{f"metadata that are {value}, plain": Case(framed(f'{{"__metadata__":{value},"a":{ENTRY}}}'.encode(), 1) + bytes(8), **ORDINARY)
       for value in ("null", "1", '"x"', "[]", '{"a":1}', '{"a":null}', '{"a":{}}', '{"a":["x"]}', '{"a":true}')},
    **{f"{name}, plain": Case(framed(text.encode(), 1) + bytes(8), **ORDINARY) for name, text in PLAIN_KEYS.items()},
    "an unknown key in an entry, plain": Case(framed(b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8],"more":1}}', 1) + bytes(8), **ORDINARY),
    "a missing key in an entry, plain": Case(framed(b'{"a":{"dtype":"F64","shape":[1]}}', 1) + bytes(8), says="data_offsets", **ORDINARY),
    "__proto__ in an entry, plain": Case(framed(b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8],"__proto__":{}}}', 1) + bytes(8), **ORDINARY),
    **{f"{name} as {value}": Case(field(name, value), says="$", **ORDINARY)
       for name, values in {
           "format": ("null", "1.0", "true", '"1"', "[1]"), "type": ("null", "1", "[]", "{}"), "content": ("null", "[]", '"x"', "1"),
           "example": ("1", "[]", '"x"', "false"), "types": ("null", "{}", '"x"', "[1]", "[null]"), "functions": ("null", "{}", "[[]]"),
           "libraries": ("null", "[]", '{"a":1}', '{"a":null}'), "python": ("null", "3.11", "[3,11]"), "signature": ("1", "[]", '"x"'),
           "params": ("null", "[]", '{"a":1}', '{"a":null}'), "metrics": ("null", "[]", '{"a":[]}', '{"a":{}}'),
           "training_rows": ("null", "{}", "[1]"), "extra": ("null", "[]", "1", '"x"'),
       }.items() for value in values},
    **{f"tensor {value}": Case(tensor(value), **ORDINARY) for value in (
        "null", "1", '"a"', "{}", "[]", '["a"]', '["a","F64",[3]]', '["a","F64",3,"blake3:"]', '[1,"F64",[3],"x"]', '["a",1,[3],"x"]',
        '["a","F64",[3.0],"x"]', '["a","F64",[true],"x"]', '["a","F64",[3],1]', '["a","F64",[3],null]', '["a","F64",[3],"x","more"]')},
    **{f"digest {value}": Case(part("tree", json.dumps(value)), **ORDINARY) for value in (
        "", "blake3:", "blake3:" + "0" * 63, "blake3:" + "0" * 65, "blake3:" + "A" * 64, "blake3:" + "g" * 64, "sha256:" + "0" * 64, "md5:" + "0" * 32,
        "none:", "0" * 64, "BLAKE3:" + "0" * 64, "blake3:" + "0" * 64 + "\n", " blake3:" + "0" * 64)},
    **{f"{name} left out": Case(manifest(lambda m, name=name: _left_out(m, name)), **ORDINARY)  # type: ignore[misc]
       for name in ("format", "type", "content", "example", "types", "functions", "libraries", "python", "signature", "params", "metrics",
                    "training_rows", "extra")},
    **{f"unknown key {name}": Case(manifest(lambda m, name=name: m[:-1] + f',"{name}":1}}'.encode()), **ORDINARY)  # type: ignore[misc]
       for name in ("more", "__class__", "__proto__", "__reduce__", "__module__", "", "constructor", "Format", "exTra")},
    **{f"unknown key {name} in content": Case(part(name, "1"), **ORDINARY) for name in ("more", "__class__", "codec", "compression")},
    "keys of the manifest in another order": Case(manifest(lambda m: _sorted_keys(m)), **ORDINARY),
    "keys of an entry in another order": Case(altered(SMALL, header=lambda h: h.replace(b'"dtype":"F64","shape":[3]', b'"shape":[3],"dtype":"F64"')), **ORDINARY),
    "signature with an unknown key": Case(field("signature", '{"kind":"array","inputs":[],"outputs":{},"classes":null,"more":1}'), **ORDINARY),
    "signature with a bad shape": Case(field("signature", '{"kind":"array","inputs":[{"name":null,"dtype":"x","shape":[1.5]}],"outputs":{},"classes":null}'), **ORDINARY),
    "format 2": Case(field("format", "2"), UnsupportedVersion, says="upgrade", **ORDINARY),
    "format 0": Case(field("format", "0"), **ORDINARY),
    "format -1": Case(field("format", "-1"), **ORDINARY),
    "format 2**64": Case(field("format", str(2**64)), **ORDINARY),
    "content digest of something else": Case(part("digest", '"blake3:' + "0" * 64 + '"'), says="digest", **ORDINARY),
}  # fmt: skip


BOUNDS = {
    "a manifest nested deeper than JSON_DEPTH": Case(extra(b"[" * 65 + b"]" * 65), LimitExceeded, says="JSON_DEPTH", **ORDINARY),
    "a manifest nested as deep as Python can go": Case(extra(b"[" * 900 + b"]" * 900), LimitExceeded, says="JSON_DEPTH", **ORDINARY),
    "a plain header nested deeper than JSON_DEPTH": Case(plain(number=b"[" * 500 + b"]" * 500), **ORDINARY),
    "a negative length of 4,000 digits": Case(plain(number=b"-" + b"9" * 4000), **ORDINARY),
    "offsets of 4,000 digits": Case(framed(b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,%s]}}' % (b"9" * 4000), 1) + bytes(8), **ORDINARY),
    "a tensor name of 1 MB": Case(framed(b'{"%s":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}' % (b"n" * 1_000_000), 1) + bytes(8), LimitExceeded, **ORDINARY),
    "a dtype of 1 MB": Case(framed(b'{"a":{"dtype":"%s","shape":[1],"data_offsets":[0,8]}}' % (b"F" * 1_000_000), 1) + bytes(8), **ORDINARY),
    "an unknown key of 1 MB": Case(manifest(lambda m: m[:-1] + b',"%s":1}' % (b"k" * 1_000_000)), **ORDINARY),
    "a manifest digest of 1 MB": Case(part("tree", '"' + "x" * 1_000_000 + '"'), **ORDINARY),
}  # fmt: skip
CASES = {**FRAGMENTS, **TYPES, **BOUNDS}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    with Watcher(tmp_path_factory.mktemp("json"), CASES, memory=512 << 20) as watcher:
        yield watcher


@pytest.mark.parametrize("name", FRAGMENTS)
def test_json_that_is_not_well_formed_is_refused(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


@pytest.mark.parametrize("name", TYPES)
def test_json_of_other_types_or_other_keys_is_refused(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


@pytest.mark.parametrize("name", BOUNDS)
def test_json_that_is_too_large_or_too_deep_is_refused_in_few_words(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


@pytest.mark.parametrize(
    "value", [b"1", b"-1", b"0", b"1.5", b"-0.0", b"1e300", b'"x"', '"ä"'.encode(), b"[]", b"[1,[2]]", b"{}", b'{"a":1,"b":2}', b"null", b"true", b'"\\n"']
)
def test_the_place_where_fragments_are_put_takes_what_is_right(value: bytes) -> None:
    assert holdfast.inspect(extra(value)).extra == {"k": json.loads(value)}


def test_the_places_in_the_headers_take_what_is_right() -> None:
    assert list(holdfast.loads(plain())) == ["a"]
    assert holdfast.loads(plain(number=b" 1 ,1", text=b'"\\u00e4"'))["a"].shape == (1, 1)
    assert list(holdfast.loads(native(b"3"))) == ["a", "b"]
    assert list(holdfast.loads(plain_document(lambda d: d + b"  \n"))) == ["a"]
    assert holdfast.loads(framed(b"{}", 1)) == {}
    assert list(holdfast.loads(manifest(lambda m: m))) == ["a", "b"]
    assert list(holdfast.loads(field("python", '"3.12"'))) == ["a", "b"]


@pytest.mark.parametrize("key", ["__class__", "__proto__", "__reduce__", "__module__", "__init__", "constructor", ""])
def test_a_key_that_means_something_elsewhere_is_data_in_the_free_part(key: str) -> None:
    free = {key: {key: "os.system"}}
    blob = holdfast.dumps([1], extra=free)
    assert holdfast.inspect(blob).extra == free
    assert holdfast.loads(blob) == [1]
    assert holdfast.loads(holdfast.dumps({key: {key: 1}})) == {key: {key: 1}}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1.7976931348623157e308, 0.1, 2.0**53 + 2])
def test_a_float_travels_as_its_bits(value: float) -> None:
    model = [value, np.float64(value), np.array([value])]
    back = holdfast.loads(holdfast.dumps(model))
    assert [np.float64(one).tobytes() for one in (back[0], back[1], back[2][0])] == [np.float64(value).tobytes()] * 3


@pytest.mark.parametrize("bits", [0x7FF0000000000001, 0x7FF8000000000001, 0xFFF8DEADBEEF0001, 0x7FFFFFFFFFFFFFFF, 0xFFF0000000000000])
def test_the_payload_of_a_nan_is_kept(bits: int) -> None:
    array = np.array([bits], np.uint64).view(np.float64)
    back = holdfast.loads(holdfast.dumps({"a": array, "b": array[0], "c": float(array[0])}))
    assert back["a"].tobytes() == array.tobytes() == back["b"].tobytes()
    assert np.float64(back["c"]).view(np.uint64) == np.float64(float(array[0])).view(np.uint64)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**400, -(10**400)])
def test_an_integer_of_any_size_is_exact(value: int) -> None:
    assert holdfast.loads(holdfast.dumps({"a": value, "b": [value] * 3})) == {"a": value, "b": [value] * 3}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("nested", [lambda v: v, lambda v: [v], lambda v: {"x": [v]}], ids=["flat", "list", "deeper"])
def test_a_number_that_json_does_not_have_is_refused_at_save_and_not_changed(value: float, nested: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="JSON"):
        holdfast.dumps([1], extra={"a": nested(value)})


def test_every_limit_is_enforced_somewhere() -> None:
    """A limit that no code reads is a promise that nobody keeps."""
    from pathlib import Path

    sources = "".join(path.read_text() for path in Path(holdfast.__file__).parent.rglob("*.py") if path.name != "limits.py")
    unused = [name for name in vars(limits) if name.isupper() and f"limits.{name}" not in sources]
    assert unused == []


@pytest.mark.long
def test_a_header_that_names_too_many_tensors_is_refused_before_it_is_parsed() -> None:
    import time

    text = b"{" + b",".join(b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i for i in range(1_000_000)) + b"}"
    start = time.process_time()
    with pytest.raises(LimitExceeded, match="TENSORS"):
        holdfast.loads(framed(text, 1))
    assert time.process_time() - start < 2


def test_a_string_larger_than_the_header_may_be_is_refused_before_it_is_read(tmp_path: Any) -> None:
    import os

    path = tmp_path / "m.safetensors"
    path.write_bytes((100_000_000).to_bytes(8, "little") + b'{"__metadata__":{"a":"')
    os.truncate(path, 200_000_000)
    with pytest.raises(LimitExceeded, match="HEADER_BYTES"):
        holdfast.load(path)


def test_the_same_refusal_is_given_every_time() -> None:
    """B2: one documented choice each; a second reading of the same bytes gives the same words."""
    for name in list(FRAGMENTS)[::7]:
        data = FRAGMENTS[name].data
        assert isinstance(data, bytes)
        said = []
        for _ in range(2):
            with pytest.raises(HoldfastError) as caught:
                holdfast.loads(data)
            said.append((type(caught.value), str(caught.value)))
        assert said[0] == said[1]
        assert issubclass(said[0][0], FormatError)
