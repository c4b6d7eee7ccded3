"""Every wrong state of every estimator is refused, or permitted by a row with a reason: a part each time, all in the long tests.

The tool is run as a program, as it has to start with a C library that notices writes behind the memory that was given.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from holdfast.testing.zoo import estimator_classes

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import lies

    return lies


@pytest.fixture
def judging(lies: Any) -> Any:
    import lies_judged

    return lies_judged


def model() -> Ridge:
    return Ridge().fit(np.arange(12.0).reshape(4, 3) ** 2, np.arange(4.0))


def run(*arguments: str) -> int:
    """Run the tool and return how many lies it told; what is neither refused nor permitted is in the message."""
    made = subprocess.run([sys.executable, "tools/lies.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout[-6000:] + made.stderr[-3000:]
    counts = re.findall(r"^(\d+) lies, (\d+) refused, 0 not permitted", made.stdout, re.MULTILINE)
    (told, refused), *_ = ((int(one), int(other)) for one, other in counts)
    assert refused > told * 0.7, made.stdout[-600:]
    return told


def test_each_fortieth_lie_is_refused_or_permitted() -> None:
    assert run("--every", "40") > 1500


@pytest.mark.long
def test_every_lie_is_refused_or_permitted() -> None:
    assert run() > 70_000


def test_the_published_counts_are_of_a_run_without_signals_and_hangs() -> None:
    page = (ROOT / "docs" / "lies.md").read_text()
    assert "Signals: **0**. Hangs: **0**. Not permitted by a row: **0**." in page
    (told,) = re.findall(r"\*\*(\d+) estimators\*\* were fitted, and \*\*(\d+) lies\*\* told", page)
    assert int(told[0]) == len(estimator_classes()) > 190
    assert int(told[1]) > 70_000
    assert not re.search(r"SIGNAL \||HANG \||UNTYPED \||UNSOUND \||MEMORY \||DIED \||GENUINE \|", page), "no column of what is never permitted"


def test_what_is_lied_about_is_read_from_the_object(lies: Any) -> None:
    from lies_about import lies_of, places

    fitted = model()
    fitted.of_my_own_ = 5
    told = [(lie.attribute, lie.kind, lie.detail) for place in places(fitted) for lie in lies_of(place)]
    attributes = {attribute for attribute, kind, _ in told if kind != "shadow"}
    assert attributes == set(vars(fitted))
    assert "of_my_own_" in attributes
    for name in attributes:
        assert {kind for attribute, kind, _ in told if attribute == name} >= {"delete", "kind"}
    assert {("of_my_own_", "index", "-1"), ("of_my_own_", "index", "2**40")} <= set(told)
    assert {("coef_", "length", "axis 0 short"), ("predict", "shadow", "3.5")} <= set(told)
    assert any(attribute == "coef_" and kind == "swap" for attribute, kind, _ in told)


def test_each_lie_is_in_the_file_and_in_no_other(lies: Any) -> None:
    from lies_about import lies_of, places

    ready = lies.prepare(model())
    genuine = lies.forge(ready, None)
    assert lies.forge(ready, None) == genuine
    files = [lies.forge(ready, lie) for lie in lies_of(places(ready.model)[0])]
    assert genuine not in files
    assert len(set(files)) > 0.9 * len(files)


@pytest.mark.filterwarnings("ignore")  # a library that another test has imported may warn of forks
@pytest.mark.parametrize(("ending", "outcome"), [("crash", "SIGNAL"), ("exit", "DIED"), ("loop", "HANG"), ("memory", "MEMORY")])
def test_a_child_that_ends_or_does_not_is_seen(lies: Any, monkeypatch: pytest.MonkeyPatch, ending: str, outcome: str) -> None:
    from lies_about import lies_of, places

    ready = lies.prepare(model())
    told = list(lies_of(places(ready.model)[0]))[:3]
    bad = lies.forge(ready, told[1])

    def asked(blob: bytes, X: Any, genuine: Any) -> tuple[str, str]:
        if blob == bad:
            if ending == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            if ending == "exit":
                os._exit(3)
            while ending == "loop":
                time.sleep(0)
            assert len(b"x" * (120 << 20)) == 120 << 20
        return "same", ""

    monkeypatch.setattr(lies, "outcome_of", asked)
    monkeypatch.setattr(lies, "PATIENCE", 0.3 if ending == "loop" else 10)
    monkeypatch.setattr(lies, "MEMORY", 1 << 28)
    outcomes = [found for _, found, _ in lies.children(ready, None, {}, told)]
    assert outcomes == ["same", outcome, "same"]


def result(judging: Any, outcome: str = "other", attribute: str = "coef_", before: str = "int", after: str = "int") -> Any:
    return judging.Result("a.B", "a.B", "", attribute, "state", "index", "-1", before, after, outcome, "")


def test_a_row_permits_what_it_speaks_of_and_no_more_often_than_it_says(judging: Any) -> None:
    row = judging.Row("other", "state", ["index*"], "a number", 2, "coef_ C.intercept_", alike=True)
    good, changed, elsewhere = result(judging), result(judging, after="str"), result(judging, attribute="intercept_")
    permitted, wrong = judging.judged([good, good, good, changed, elsewhere], [row])
    assert permitted == [[good, good]]
    assert wrong == [good, changed, elsewhere]
    for outcome in ("SIGNAL", "DIED", "HANG", "MEMORY", "UNTYPED", "UNSOUND", "GENUINE"):
        never = judging.Row(outcome, "state", ["*"], "never", 9, "*")
        assert judging.judged([result(judging, outcome)], [never])[1], "nothing permits this"
    assert judging.tightened([row, judging.Row("same", "state", ["*"], "unused", 9, "*")], [*permitted, []]) == [
        judging.Row("other", "state", ["index*"], "a number", 2, "coef_", alike=True)
    ]


def test_every_row_has_a_reason_and_the_file_is_as_the_tool_writes_it(judging: Any) -> None:
    rows = judging.permitted_rows()
    assert rows
    assert all(len(row.reason) > 40 and row.outcome in ("same", "other", "raised", "unsteady") for row in rows)
    assert judging.PERMITTED.read_text() == judging.written(rows)
