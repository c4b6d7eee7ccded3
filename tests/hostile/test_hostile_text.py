"""Row B11 of the threat table: text of a file that would steer a terminal, reverse a line, or fill a screen.

Data stays what it is; whatever is shown, in an inspection, a refusal, a notice or on the command line, is escaped and short.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.errors import HoldfastError, HoldfastWarning, quoted
from holdfast.values import tree as t
from holdfast.values.manifest import Feature, Signature
from tests.hostile.crafted import Piece, array_piece, framed, objects, packed, plain_list, record, tree_of
from tests.hostile.oracle import printable

NASTY = {
    "clear the screen": "\x1b[2J\x1b[H",
    "a colour": "\x1b[31mred\x1b[0m",
    "a title": "\x1b]0;title\x07",
    "a link": "\x1b]8;;http://x/\x1b\\click\x1b]8;;\x1b\\",
    "a bell": "\x07\x07",
    "back over it": "safe\b\b\b\bevil",
    "back to the start": "safe\revil",
    "lines": "one\ntwo\nverdict  loads",
    "vertical tab and form feed": "a\x0bb\x0cc",
    "NUL": "a\0b",
    "delete": "a\x7fb",
    "eight-bit escape": "a\x9b31mb",
    "next line": "a\x85b",
    "right to left override": "a\u202egpj.exe",
    "right to left embedding": "a\u202bb",
    "left to right override": "a\u202db",
    "isolates": "a\u2066b\u2067c\u2068d\u2069",
    "direction marks": "a\u200eb\u200fc\u061cd",
    "line separators": "a\u2028b\u2029c",
    "zero width": "a\u200bb\u200cc\u200dd",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "markup of rich": "[bold red]x[/] [link=http://x]y[/link]",
    "a format": "%s %n {0} {0.__class__} ${x}",
    "two million characters": "x" * 2_000_000,
    "a thousand combining marks": "a" + "\u0301" * 1000,
}  # fmt: skip
LONGEST_INSPECTION = 20_000


def everywhere(text: str) -> bytes:
    """Return a file that holds a text wherever a file may hold one."""
    short = text[:200]
    signature = Signature(short, [Feature(short, short, [None])], {short: Feature(short, short, [None])}, [short, 1])
    model = tree_of(
        t.Names([f"numpy.{short}"]),
        t.Atoms("bytes", [text.encode()[:1000]]),
        t.Tuples(1, [t.Same(short), t.SameRef(5)]),
        objects(f"acme.{short}"[:200], **{short or "x": t.Same(text)}),
        plain_list(text, short),
        t.Maps([short], 1, [t.Plain([text])]),
        t.Dicts(1, t.Same(2), t.Plain([text, short + "2"]), t.Refs([2, 3])),
        t.Lists(1, t.Same(7), t.Run(0)),
    )
    return packed(model, type=text, types=[text], functions=[text], libraries={short: text}, python=text, signature=signature,
                  params={text: text}, metrics={short: text}, training_rows=[text], extra={text: {short: [text]}})  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_an_inspection_shows_text_escaped_and_keeps_it_as_data(name: str) -> None:
    text = NASTY[name]
    found = holdfast.inspect(everywhere(text))
    shown = str(found)
    assert printable(shown), ascii([line for line in shown.splitlines() if not printable(line)])[:300]
    assert len(shown) < LONGEST_INSPECTION
    assert len(max(shown.splitlines(), key=len)) < 3000
    assert found.extra == {text: {text[:200]: [text]}}
    assert found.params == {text: text}
    json.dumps(found.to_dict())


@pytest.mark.parametrize("name", ["lines", "back to the start", "next line", "line separators", "vertical tab and form feed"])
def test_text_with_line_breaks_makes_no_lines_of_its_own(name: str) -> None:
    """A file must not be able to write a line that looks like one of ours."""
    plain = str(holdfast.inspect(everywhere("abc"))).count("\n")
    assert str(holdfast.inspect(everywhere(NASTY[name]))).count("\n") == plain


@pytest.mark.parametrize("name", NASTY)
def test_a_refusal_shows_text_escaped_and_short(name: str) -> None:
    text = NASTY[name]
    bad = [
        everywhere(text),
        packed(tree_of(objects(f"acme.{text[:200]}"))),
        packed(tree_of(t.Names([f"acme.{text[:200]}"]))),
        packed(tree_of(record("decimal.Decimal", text=t.Same(text)))),
        packed(tree_of(record("datetime.date", text=t.Same(text)))),
        packed(tree_of(record("zoneinfo.ZoneInfo", key=t.Same(text)))),
        packed(tree_of(t.Arrays(text, 0, "C", True, 1, [], False, 0)), [Piece("a", "U8", (0,), b"")]),
        packed(tree_of(t.Arrays("|u1", 0, text, True, 1, [], False, 0)), [Piece("a", "U8", (1,), b"x")]),
        packed(tree_of(t.Atoms(text, [b""]))),
        packed(tree_of(plain_list(1)), [Piece(text[:100] or "a", "U8", (1,), b"x")]),
        framed(json.dumps({text: {"dtype": "F32", "shape": [1], "data_offsets": [0, 5]}}).encode(), 1) + bytes(5),
        framed(json.dumps({"a": {"dtype": text, "shape": [1], "data_offsets": [0, 4]}}).encode(), 1) + bytes(4),
        framed(json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], text: 1}}).encode(), 1) + bytes(4),
        holdfast.dumps([1]).replace(b'"holdfast":"1"', b'"holdfast":' + json.dumps("1 " + text[:50]).encode(), 1),
    ]
    for number, blob in enumerate(bad):
        for act in (holdfast.loads, holdfast.inspect):
            try:
                act(blob)
            except HoldfastError as error:
                said = str(error)
                assert printable(said), f"{number}: {ascii(said)[:300]}"
                assert len(said) < 5000, f"{number}: {len(said)} characters"


@pytest.mark.parametrize("name", [name for name in NASTY if "million" not in name and name != "NUL"])
def test_names_of_files_are_shown_escaped(name: str, tmp_path: Path) -> None:
    text = NASTY[name].replace("/", "_")[:60]
    path = tmp_path / f"{text}.safetensors"
    path.write_bytes(b"not a model")
    for missing in (path, tmp_path / "nothing.safetensors", tmp_path / f"{text}-missing.safetensors"):
        with pytest.raises(HoldfastError) as caught:
            holdfast.load(missing)
        assert printable(str(caught.value)), ascii(str(caught.value))
    path.write_bytes(packed(tree_of(objects("acme.X"))))
    with pytest.raises(HoldfastError) as caught:
        holdfast.load(path)
    assert printable(str(caught.value)), ascii(str(caught.value))
    assert printable(str(holdfast.inspect(path)))


@pytest.mark.parametrize("name", [name for name in NASTY if "million" not in name])
def test_notices_at_save_show_text_escaped(name: str, tmp_path: Path) -> None:
    text = NASTY[name]
    model = {text: {"password": "hunter2-hunter2"}, f"{text}_api_key": "abcdefghijkl"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        holdfast.dumps(model)
    said = [str(one.message) for one in caught if issubclass(one.category, HoldfastWarning)]
    assert said
    for one in said:
        assert printable(one), ascii(one)
        assert len(one) < 2000


@pytest.mark.parametrize("name", NASTY)
def test_the_command_line_shows_text_escaped(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(everywhere(NASTY[name]))
    assert main(["inspect", str(path)]) == 0
    assert main(["verify", str(path)]) == 4
    out = capsys.readouterr()
    assert printable(out.out), ascii(out.out)[:300]
    assert printable(out.err), ascii(out.err)[:300]
    assert "Traceback" not in out.err
    if "million" not in name:
        assert main(["inspect", "--json", str(path)]) == 0
        out = capsys.readouterr()
        assert json.loads(out.out)["extra"]
        assert printable(out.out), ascii([line for line in out.out.splitlines() if not printable(line)])[:300]


def test_names_of_tensors_are_readable_and_unique_whatever_the_keys_are() -> None:
    model = {text[:100]: np.zeros(3000) for text in NASTY.values()}
    blob = holdfast.dumps(model)
    names = [one[0] for one in holdfast.inspect(blob).tensors]
    assert len(set(names)) == len(model)
    for name in names:
        assert len(name.encode()) <= 512
        assert printable(name), ascii(name)
        assert "\n" not in name
    back = holdfast.loads(blob)
    assert list(back) == list(model)


def test_an_inspection_of_a_wide_model_is_short() -> None:
    model = {"list": list(range(100_000)), "dicts": [{"a": i} for i in range(10_000)], **{f"key{i}": np.zeros(1) for i in range(3000)}}
    assert len(str(holdfast.inspect(holdfast.dumps(model)))) < LONGEST_INSPECTION


def test_an_inspection_does_not_offer_html_of_its_own_making() -> None:
    """Where there is a rich display, text of the file is escaped in it."""
    found: Any = holdfast.inspect(everywhere(NASTY["HTML"]))
    for name in ("_repr_html_", "_repr_markdown_", "_repr_svg_", "_repr_mimebundle_"):
        if hasattr(found, name):
            assert "<script>" not in str(getattr(found, name)())


@pytest.mark.parametrize("text", [*NASTY.values(), "\ud800", "\udcff", "a" * 119, "a" * 120, "a" * 121, ""], ids=lambda one: ascii(one)[:30])
def test_a_quotation_is_printable_and_bounded(text: str) -> None:
    shown = quoted(text)
    assert printable(shown), ascii(shown)
    assert "\n" not in shown
    assert len(shown) <= 120
    shown.encode()


def test_a_tensor_piece_with_an_odd_name_comes_back_under_it() -> None:
    piece = array_piece("ä\u4e2d", np.arange(3.0))
    assert holdfast.loads(packed(tree_of(t.Arrays("<f8", 1, "C", True, 1, [3], False, 0)), [piece])).tolist() == [0.0, 1.0, 2.0]


def test_a_field_of_ten_megabytes_is_data_and_is_shown_in_a_line() -> None:
    text = "x" * 10_000_000
    blob = holdfast.dumps({"a": text}, extra={"card": text})
    found = holdfast.inspect(blob)
    assert len(str(found)) < 2000
    assert found.extra["card"] == text
    assert holdfast.loads(blob) == {"a": text}
