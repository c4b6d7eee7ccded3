"""The page of a comparison: whole in itself, and nothing from a model becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

import holdfast
from tests.artifact.models import data, pipeline

X, Y = data()
EVIL = "<img src=x onerror=alert(1)>\"'&</svg><script>alert(2)</script>\u202egnp.\x1b[31m"
WRITTEN = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div", "span", "code", "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "text", "line"}
EMPTY = {"meta"}


class Reader(HTMLParser):
    """What a browser would find: elements, attributes, and whether they close as they open."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in EMPTY and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif not (self.get_starttag_text() or "").endswith("/>"):
            raise AssertionError(f"</{tag}> closes {self.open[-1:]}")


def full_page() -> str:
    second = clone(pipeline()).set_params(clf__C=0.01).fit(X[:40], Y[:40])
    return holdfast.compare(
        holdfast.dumps(pipeline(), example=X[:20], metrics={"auc": 0.9}), holdfast.dumps(second, metrics={"auc": 0.8}), on=X, limits={"changed_labels": 0, "breaking": 0}
    ).to_html()


def test_the_page_is_whole_in_itself() -> None:
    text = full_page()
    found = Reader(text)
    assert not found.open
    assert found.tags <= WRITTEN
    assert not {name for name in found.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    pictures = re.findall(r"<svg.*?</svg>", text)
    assert len(pictures) == 7, "an agreement and two histograms for each of both questions, and the tensors"
    for one in pictures:
        ElementTree.fromstring(one)
    assert "steps.clf.coef_" in pictures[-1]
    assert "1 of 2 limits do not hold" in text


@pytest.mark.filterwarnings("ignore")
def test_hostile_names_do_not_become_markup(tmp_path: Path) -> None:
    import pandas as pd

    columns = [EVIL, "b"]
    table = pd.DataFrame(X[:, :2], columns=columns)
    labels = np.where(Y > 0, EVIL, "no")
    one, two = (LogisticRegression(C=c).fit(table, labels) for c in (1.0, 0.001))
    third = LogisticRegression().fit(table.rename(columns={EVIL: "<b>a</b>"}), labels)
    first = holdfast.dumps(one, example=table[:10], metrics={EVIL: 0.1, "text": EVIL}, extra={EVIL: EVIL})
    comparisons = [
        holdfast.compare(first, holdfast.dumps(two, metrics={EVIL: 0.2, "text": "<b>"}), on=table, limits={f"metric:{EVIL}": 0}),
        holdfast.compare(first, third),
        holdfast.compare({EVIL: np.zeros(2), EVIL + "2": np.ones(2)}, {EVIL: np.ones(2), "<i>": np.ones(1)}),
    ]
    (tmp_path / "<b>x<b>.safetensors").write_bytes(first)
    comparisons.append(holdfast.compare(tmp_path / "<b>x<b>.safetensors", third))
    for found in comparisons:
        text = found.to_html()
        reader = Reader(text)
        assert not reader.open
        assert reader.tags <= WRITTEN
        assert not {name for name in reader.attributes if name.startswith("on") or name in ("src", "href", "style")}
        assert "\u202e" not in text + str(found)
        assert "\x1b" not in text + str(found)
        for one_picture in re.findall(r"<svg.*?</svg>", text):
            ElementTree.fromstring(one_picture)


def test_the_page_is_written_whole_over_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    found = holdfast.compare({"w": np.zeros(2)}, {"w": np.ones(2)})
    assert found.to_html(path) == path.read_text() == found.to_html()
    with pytest.raises(holdfast.NotFound):
        found.to_html(tmp_path / "no" / "page.html")


def test_what_a_file_says_at_length_is_cut_and_counted() -> None:
    many = {f"m{number}": float(number) for number in range(1000)}
    found = holdfast.compare(holdfast.dumps({"a": 1}, metrics=many), holdfast.dumps({"a": 2}, metrics=dict.fromkeys(many, -1.0)))
    assert "and 500 more" in found.to_html()
    assert "… 800 more of these differ" in str(found)
    assert len(found.to_dict()["metrics"]) == 1000
    tensors = {f"t{number}": np.full(2, float(number)) for number in range(40)}
    found = holdfast.compare(tensors, {name: one + 1e-9 if name != "t7" else one * 2 for name, one in tensors.items()})
    assert "… 10 more tensors differ" in str(found)
    assert str(found).index("tensor t0:") < str(found).index("tensor t7:") < str(found).index("tensor t1:"), "those that changed most are named"
