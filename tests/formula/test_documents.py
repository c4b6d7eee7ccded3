"""docs/expressions.md says what is so: its examples run, and its tables name every function."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.formula.table import FUNCTIONS, TABLE
from holdfast.values import limits

TEXT = (Path(__file__).parents[2] / "docs" / "expressions.md").read_text()


def test_the_examples_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 4
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "expressions.md", "exec"), scope)


def test_every_function_is_in_the_table() -> None:
    table = TEXT[TEXT.index("**Functions**") : TEXT.index("def value")]
    for name in FUNCTIONS:
        assert re.search(rf"`{name}[`(]", table), name


def test_the_limits_are_the_ones_that_hold() -> None:
    stated = (limits.EXPRESSION_CHARACTERS, limits.EXPRESSION_NODES, limits.EXPRESSION_DEPTH)
    assert "at most {:,} characters, {:,} parts and {} levels".format(*stated) in TEXT


def test_what_a_target_lacks_is_said() -> None:
    lacking = {target: {name.partition(" ")[0] for name, line in TABLE.items() if getattr(line, target) is None and not name.startswith("_")} for target in ("onnx", "pmml")}
    assert lacking == {"onnx": {"len", "lower", "upper", "isnan", "fillna"}, "pmml": {"//", "%", "len", "lower", "upper"}}
    for target, names in lacking.items():
        section = TEXT[TEXT.index(f"## {target.upper()}") :]
        assert all(f"`{name}`" in section[section.index("Refused") :] for name in names)
