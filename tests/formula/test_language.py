"""Texts that are expressions, and texts that are not: what they become, and what is said of them."""

from __future__ import annotations

import sys
import threading

import pytest

from holdfast.errors import InvalidExpression
from holdfast.formula.kinds import resolve
from holdfast.formula.parse import parse
from holdfast.formula.table import FUNCTIONS, HIDDEN, TABLE
from holdfast.formula.tree import Apply, Column, Number, Text, columns_of, ordered
from holdfast.formula.write import write
from holdfast.values import limits

SAME = [
    ("x0+x1", "x0 + x1"), (" x0\n\t+ x1 ", "x0 + x1"), ("(x0+x1)*2", "(x0 + x1) * 2"), ("x0-(x1-x2)", "x0 - (x1 - x2)"), ("x0-x1-x2", "x0 - x1 - x2"),
    ("2**3**2", "2 ** 3 ** 2"), ("(2**3)**2", "(2 ** 3) ** 2"), ("-x0**2", "-x0 ** 2"), ("(-x0)**2", "(-x0) ** 2"), ("x0**-x1", "x0 ** -x1"), ("--x0", "--x0"),
    ("+x0", "x0"), ("x0//x1%x2", "x0 // x1 % x2"), ("not x0>1 and x1 or x2", "not x0 > 1 and x1 or x2"), ("not(x0 and x1)", "not (x0 and x1)"),
    ("(x0>1)&(x1<2)|~(x2==3)", "x0 > 1 and x1 < 2 or not x2 == 3"), ("(x0<1)==(x1<2)", "(x0 < 1) == (x1 < 2)"), ("(not x0)+1", "(not x0) + 1"), ("not not x0", "not not x0"),
    ("x0 and x1 and x2", "x0 and x1 and x2"), ("(x0 and x1) and x2", "(x0 and x1) and x2"), ("1e3+.5+1.+1_000", "1000 + 0.5 + 1 + 1000"), ("1e300", "1e+300"), ("1e-3", "0.001"),
    ("col('age')", "age"), ("col('monthly income')", "col('monthly income')"), ("col('x1')", "col('x1')"), ("col('log')+col('col')", "col('log') + col('col')"),
    ("col('if')", "col('if')"), ("x00 + x", "x00 + x"), ("Ålder+é", "Ålder + é"), ("col('ﬁ')", "col('ﬁ')"), ('city=="it\'s"', 'city == "it\'s"'), ("city=='a\\nb' 'c'", "city == 'a\\nbc'"),
    ("is_in(x0,1,2)", "is_in(x0, 1, 2)"), ("where(x0>1,x0,-1)", "where(x0 > 1, x0, -1)"), ("0x10", "16"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "written"), SAME)
def test_a_text_has_one_way_to_be_written(text: str, written: str) -> None:
    assert write(parse(text)) == written
    assert parse(written) == parse(text)


def test_a_tree_is_frozen_and_made_of_four_kinds() -> None:
    tree = parse("where(city == 'a', x0, 2)")
    assert tree == Apply("where", (Apply("==", (Column("city"), Text("a"))), Column(0), Number(2.0)))
    assert hash(tree) == hash(parse("where(city=='a',x0,2.0)"))
    assert [node.key for node in columns_of(tree)] == ["city", 0]
    with pytest.raises(AttributeError):
        tree.name = "abs"  # type: ignore[misc, union-attr]


ANY = -1
"""Where Python's own parser stops, which differs between its versions."""

WRONG = [
    ("", 0, "the expression is empty"), ("   ", 0, "the expression is empty"), ("x0 +", 4, "this is not an expression (invalid syntax)"), ("x0 x1", ANY, "this is not an expression"),
    ("(x0", ANY, "this is not an expression ('(' was never closed)"), ("x0)", ANY, "this is not an expression"),
    ("__import__('os').system('x')", 16, "'.' is not part of an expression: there are no attributes"), ("__import__('os')", 0, "there is no function '__import__'"),
    ("eval('1')", 0, "there is no function 'eval'"), ("exec('1')", 0, "there is no function"), ("open('f')", 0, "there is no function"), ("getattr(x0, 'a')", 0, "there is no function"),
    ("x0.real", 2, "'.' is not"), ("x0 .real", 3, "'.' is not"), ("1..real", 2, "'.' is not"), ("x0[0]", 2, "'[' is not"), ("{1: 2}", 0, "'{' is not"), ("[x0]", 0, "'[' is not"),
    ("f'{x0}'", 0, "this is not part of an expression (JoinedStr)"), ("'a' f'{x0}'", 0, "this is not part of an expression (JoinedStr)"), ("b'x' == x0", 0, "a constant of type bytes"),
    ("lambda: 1", 6, "':' is not"), ("(x0 := 1)", 4, "':' is not"), ("x0 = 1", 3, "'=' is not part of an expression: two values are compared with =="), ("abs(x=1)", 5, "'=' is not"),
    ("abs(*x0)", 4, "this is not part of an expression (Starred)"), ("abs(**x0)", 6, "abs takes no arguments by name"), ("(x0 for x0 in x1)", 0, "this is not part of an expression (GeneratorExp)"),
    ("x0, x1", 0, "this is not part of an expression (Tuple)"), ("()", 0, "this is not part of an expression (Tuple)"), ("x0 if x1 else 2", 0, "a choice is written where(condition, a, b)"),
    ("yield x0", ANY, "this is not an expression"), ("(yield)", 1, "this is not part of an expression (Yield)"), ("await x0", 0, "this is not part of an expression (Await)"),
    ("import os", ANY, "this is not an expression"), ("x0; x1", 2, "';' is not"), ("x0 # all", 3, "'#' is not part of an expression: an expression holds no comment"),
    ("x0 \\\n + 1", 3, "'\\\\' is not"), ("x0 @ x1", 3, "'@' is not"), ("x0 ^ x1", 3, "'^' is not part of an expression: the power is **"), ("x0 << 1", 0, "this is not part of an expression (LShift)"),
    ("!x0", 0, "'!' is not"), ("x0 && x1", ANY, "this is not an expression"), ("1j", 0, "a constant of type complex"), ("None", 0, "a constant of type NoneType"), ("True", 0, "a constant of type bool"),
    ("...", 0, "'.' is not"), ("x0 is x1", 0, "in and is are not part"), ("x0 in x1", 0, "in and is are not part"), ("x0 not in x1", 0, "in and is are not part"),
    ("x0 < x1 < x2", 0, "comparisons are not chained"), ("x0 > 1 & x1 > 2", 0, "comparisons are not chained"), ("x0 & x1", 0, "& | ~ are for truths"), ("~x0", 1, "& | ~ are for truths"),
    ("(x0 > 1) | x1", 11, "& | ~ are for truths"), ("abs", 0, "abs is a function; a column of that name is col('abs')"), ("col", 0, "col is a function"), ("x0(1)", 0, "there is no function 'x0'"),
    ("abs(x0)(x1)", 0, "only functions of the table are called"), ("(abs)(x0, x1)", 0, "abs takes 1 argument, and got 2"), ("minimum(x0)", 0, "minimum takes 2 arguments, and got 1"),
    ("is_in(x0)", 0, "is_in takes 2 or more arguments, and got 1"), ("col(x0)", 0, "col takes the name of a column"), ("col('a', 'b')", 0, "col takes the name"), ("col()", 0, "col takes the name"),
    ("1e999", 0, "the number is too large"), ("9" * 400, 0, "the number is too large"), ("1 + " + "9" * 5000, ANY, "this is not an expression (Exceeds the limit"), ("x0 == '\\ud800'", 6, "the text holds half a character"),
    ("'abc", 0, "\"'\" is not part of an expression: a text ends"), ("'''a''' == x0 'b", 14, "\"'\" is not"), ("x0\0", 2, "'\\x00' is not"), ("x0 + \u202ex1", 5, "'\\u202e' is not"),
    ("æ + b2(1)", 4, "there is no function 'b2'"), ("\n\n  b2(1)", 4, "there is no function 'b2'"), ("_fmod(x0, x1)", 0, "there is no function '_fmod'"), ("neg(x0)", 0, "there is no function 'neg'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "said"), WRONG, ids=[repr(text[:30]) for text, _, _ in WRONG])
def test_what_is_no_expression_is_shown_where_it_goes_wrong(text: str, place: int, said: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse(text)
    error = caught.value
    assert error.message.startswith(said), error.message
    assert error.text == text
    assert error.place == place or place == ANY
    lines = error.message.split("\n")
    assert lines[1].startswith("    ")
    marks = lines[2]
    assert set(marks) <= {" ", "^"}
    assert "^" in marks
    # what is underlined is what stands at the place, where the text is short enough to be shown whole
    if len(text) < 40 and 0 <= place < len(text) and text[place].isprintable():
        assert lines[1][marks.index("^")] == text[place]


KINDS = [
    ("'a'", 0, "an expression gives numbers or truths"), ("lower(x0)", 0, "an expression gives numbers or truths"), ("'a' + x0", 0, "this is a text, and + takes a number"),
    ("lower(x0) + 1", 0, "this is a text"), ("x0 == 'a' or x0 > 2", 13, "the column 0 is a text because it is used as one elsewhere"), ("city < 'b'", 7, "this is a text, and < takes a number here; texts are compared with == and !="),
    ("where('a', 1, 2)", 6, "this is a text, and where takes a truth"), ("len(1)", 4, "this is a number, and len takes a text"), ("lower(x0 > 1)", 6, "this is a truth, and lower takes a text"),
    ("is_in(x0, 1, 'a')", 10, "this is a number, and is_in takes a text"), ("-'a'", 1, "this is a text, and - takes a number"), ("x0 == x1 and x1 == x2 and x2 == 'a' and sqrt(x0)", 45, "the column 0 is a text"),
    ("where(x0, 'a', 1) == 'a'", 15, "this is a number, and where takes a text"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "said"), KINDS)
def test_texts_and_numbers_do_not_mix(text: str, place: int, said: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        resolve(parse(text), text)
    assert caught.value.message.startswith(said)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("text", "texts"),
    [("x0 + x1", set()), ("x0 == 'a'", {0}), ("text(x0) == x1", {0, 1}), ("where(x0 > 1, x1, 'b') == x2", {1, 2}), ("len(fillna(x0, x1)) > x2", {0, 1}), ("x0 == x1 and x1 == x2 and x2 == 'a'", {0, 1, 2}),
     ("x0 == x1", set()), ("isnan(x0)", set()), ("is_in(x0, x1, 'a') and x2", {0, 1}), ("lower(city) == upper(town)", {"city", "town"})],
)  # fmt: skip
def test_a_column_is_a_text_where_it_is_used_as_one(text: str, texts: set[int | str]) -> None:
    assert resolve(parse(text), text).texts == texts


def test_after_kinds_are_worked_out_every_operation_gets_what_it_takes() -> None:
    tree = resolve(parse("(x0 > 1) + (x1 and city == 'a')")).tree
    names = [node.name for node in ordered(tree) if type(node) is Apply]
    assert names == [">", "_number", "_truth", "== text", "and", "_number", "+"]
    assert resolve(parse("x0 > 1")).tree == Apply("_number", (parse("x0 > 1"),))


@pytest.mark.parametrize(
    ("text", "said"),
    [("x" * (limits.EXPRESSION_CHARACTERS + 1), "characters"), ("x0" + " + 1" * limits.EXPRESSION_DEPTH, "nests deeper"), ("-" * limits.EXPRESSION_DEPTH + "x0", "nests deeper"), ("-" * 9990 + "x0", "nests deeper"),
     ("(" * 190 + "x0" + ")" * 190 + "+" * 300 + "1", "nests deeper"), ("(" * 3000 + "x0" + ")" * 3000, "too many nested parentheses"), ("x**" * 3000 + "x", "nests deeper"), ("not " * 2000 + "x0", "nests deeper"),
     ("abs(" * 160 + "x0" + ")" * 160, "nests deeper"), (f"is_in({', '.join(['1'] * limits.EXPRESSION_NODES)})", "more than"), ("x0 if " * 1000 + "x0", "expression"), ("(" * 9000, "expression"), ("-(" * 4000, "expression"), ("~" * 9000 + "1", "nests deeper")],
    ids=range(14),
)  # fmt: skip
def test_what_is_too_long_too_deep_or_too_much_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidExpression, match=said):
        parse(text)


def test_what_is_just_small_enough_is_read_also_in_a_thread_and_far_down_the_stack() -> None:
    text = "+".join(["x0"] * limits.EXPRESSION_DEPTH)
    wide = f"is_in({', '.join(['1'] * (limits.EXPRESSION_NODES - 1))})"
    tree = parse(text)
    assert write(tree) == " + ".join(["x0"] * limits.EXPRESSION_DEPTH)
    assert len(ordered(parse(wide))) == limits.EXPRESSION_NODES
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(resolve(parse("+".join(["x1"] * limits.EXPRESSION_DEPTH))).tree))
    thread.start()
    thread.join()
    assert len(found) == 1

    def down(levels: int) -> object:
        return down(levels - 1) if levels else resolve(parse("+".join(["x2"] * limits.EXPRESSION_DEPTH)))

    assert down(sys.getrecursionlimit() // 2)


def test_what_is_no_text_is_no_expression() -> None:
    for odd in (None, 3, b"x0", ["x0"]):
        with pytest.raises(InvalidExpression):
            parse(odd)  # type: ignore[arg-type]


def test_a_long_text_is_shown_in_part_and_a_hostile_one_without_signs_that_move_the_cursor() -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse("x0 + " * 100 + "foo(1)" + " + x0" * 20)
    lines = caught.value.message.split("\n")
    assert len(lines[1]) < 200
    assert lines[1][lines[2].index("^") :].startswith("foo")
    with pytest.raises(InvalidExpression) as caught:
        parse("x0 == 'a\x1b[2J\u202e' + foo(1)")
    assert "\x1b" not in caught.value.message
    assert "\u202e" not in caught.value.message


def test_the_table_is_whole() -> None:
    for name, line in TABLE.items():
        assert set(line.takes) <= set("ntsv*")
        assert line.gives in set("ntsv")
        if "v" in line.takes:
            assert f"{name} text" in TABLE, name
    assert not set(FUNCTIONS) & set(HIDDEN)
    assert all(name.isidentifier() for name in FUNCTIONS)
