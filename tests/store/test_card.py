"""Model cards: made of what the store knows, or kept as somebody wrote them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import holdfast
from holdfast.errors import Conflict, Corrupt, LimitExceeded, NotFound
from holdfast.store.card import escaped
from holdfast.store.lineage import data_digest
from holdfast.store.objects import blob_name
from holdfast.store.store import Store
from tests.artifact.models import data, pipeline

X, Y = data()
FRAME = pd.DataFrame(X[:, :2], columns=["age", "in|come"])
EVIL = "a|b\n# c <script>alert(1)</script> [x](javascript:1) `code` **b** ~~s~~ $x$ \u202eevil ![i](http://h) &lt; \\|"


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with_store = holdfast.connect(tmp_path / "models", who="ann")
    yield with_store
    with_store.close()


def test_a_card_says_what_the_store_knows(store: Store) -> None:
    store.save(pipeline(), "churn", alias="production")
    model = LogisticRegression().fit(FRAME, Y)
    version = store.save(model, "churn", example=FRAME[:5], metrics={"auc": 0.91}, tags={"team": "risk"}, note="with the new income", parent="churn@production",
                         data={"train": FRAME}, code={"commit": "abc123", "dirty": True})  # fmt: skip
    store.metric(version, drift=0.2)
    card = store.card("churn:2")
    for said in (
        "# churn:2\n\nwith the new income\n", " by ann |", "| tags | team=risk |", "## Metrics\n\n| metric | value |\n| --- | --- |\n| auc | 0.91 |\n| drift | 0.2 |",
        "| age | float64 | rows |\n| in\\|come | float64 | rows |", "| predict | int64 | rows |", "Labels: 0, 1.", "| C | 1.0 |", "Made of churn:1.",
        "Code: commit abc123, with changes that were not committed.", f"| train | {data_digest(FRAME)} |", "model = store.load('churn:2')\n", "nobody has written that here yet",
    ):  # fmt: skip
        assert said in card, (said, card)
    assert "without an example" not in card
    first = store.card("churn@production")
    assert "without an example" in first
    assert "## Metrics" not in first
    assert "## Where it comes from" not in first


class Mine:
    pass


@pytest.mark.filterwarnings("ignore::holdfast.errors.HoldfastWarning")
def test_a_card_says_what_loading_trusts_and_which_rows_are_inside(store: Store) -> None:
    store.save(Mine(), "mine")
    assert f"store.load('mine:1', trusted=['{Mine.__module__}.Mine'])" in store.card("mine:1")
    store.save(KNeighborsClassifier(algorithm="brute").fit(X, Y), "near")
    assert "contains rows that it was trained on" in store.card("near:1")


@pytest.mark.filterwarnings("ignore")
def test_names_are_shown_as_names_and_never_become_markup(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.store.said.checked_key", lambda key, what: key)  # somebody else's program wrote it
    monkeypatch.setattr("holdfast.store.lineage.checked_key", lambda key, what: key)
    table = pd.DataFrame(X[:, :2], columns=[EVIL, "b"])
    model = LogisticRegression().fit(table, ["<b>" if one else EVIL for one in Y])
    store.save(model, "a|b `x` <i>", example=table[:3], metrics={EVIL: EVIL}, tags={EVIL: EVIL}, note=EVIL, parent=EVIL, data={EVIL: b"1"}, code={EVIL: EVIL, "commit": EVIL}, who=EVIL)
    card = store.card("a|b `x` <i>:1")
    for live in ("<script", "<b>", "<i>", "](javascript", "**b**", "~~s~~", "`code`", "![i]", "\u202e", "\n# c"):
        assert live not in card.split("## How to load it")[0] + card.split("## How to load it")[1].split("\n\n", 2)[2], live
    code = [line for line in card.splitlines() if line.startswith("    ")]
    assert code == ["    import holdfast", "    ", "    store = holdfast.connect(STORE)  # its folder or address", "    model = store.load('a|b `x` <i>:1')"]
    for line in card.splitlines():
        if line.startswith("|"):
            cells = line.replace("\\\\", "").replace("\\|", "").strip("|").split("|")
            assert len(cells) in (2, 3), line
    tokens = [inner for token in MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(card) for inner in (token, *(token.children or []))]
    live = {token.type for token in tokens}
    assert not live & {"html_block", "html_inline", "link_open", "image", "code_inline", "strong_open", "s_open", "em_open", "fence"}
    headings = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == ["Metrics", "What it takes and answers", "Parameters", "Where it comes from", "How to load it", "Limits"]
    texts = [token.content for token in tokens if token.type == "text"]
    assert "[x](javascript:1) `code` **b** ~~s~~ $x$" in "".join(texts), "it is shown as it is"


def test_text_is_escaped_on_one_line() -> None:
    assert escaped("a\n\tb|c") == "a b\\|c"
    assert (escaped("- scikit-learn"), escaped("+1-1"), escaped("---")) == ("\\- scikit-learn", "\\+1-1", "\\---")
    assert escaped("x" * 1000, 50)[-1] == "…"


def test_a_card_is_kept_with_its_version_until_it_is_taken_away(store: Store, tmp_path: Path) -> None:
    version = store.save(pipeline(), "churn")
    made = store.card(version)
    text = made.replace("nobody has written that here yet", "for scoring loans; größer als nötig\n")
    assert store.card("churn:1", text, why="reviewed", who="ben") == text
    assert store.card(version) == text
    store.metric(version, auc=0.5)
    assert store.card("churn:1") == text, "what somebody wrote is not changed behind them"
    event = store.history("churn")[1]
    assert (event.kind, event.n, event.who, event.why) == ("card", 1, "ben", "reviewed")
    assert store.card("churn:1", "") == store.card("churn:1")
    assert "| auc | 0.5 |" in store.card("churn:1")


def test_cards_are_in_the_records_so_that_the_catalog_can_be_made_anew(store: Store, tmp_path: Path) -> None:
    version = store.save(pipeline(), "churn")
    store.card(version, "first")
    store.card(version, "second")
    store.close()
    for path in (tmp_path / "models").glob("catalog.sqlite*"):
        os.unlink(path)
    reading = holdfast.connect(tmp_path / "models", read_only=True)
    assert reading.card("churn:1") == "second"


def test_the_bytes_of_a_card_are_pinned_by_the_catalog(store: Store) -> None:
    import sqlalchemy as sa

    version = store.save(pipeline(), "churn")
    store.card(version, "kept")
    with store.database.reading() as on:
        (kept,) = on.scalars(sa.text("SELECT card FROM version")).all()
        assert on.scalar(sa.text("SELECT count(*) FROM session")) == 0
    with pytest.raises(Conflict), store.database.writing() as on:
        on.execute(sa.text("DELETE FROM blob WHERE digest = :kept"), {"kept": kept})


def test_a_card_that_was_damaged_or_lost_is_not_shown(store: Store, tmp_path: Path) -> None:
    from holdfast.values.digest import digest

    version = store.save(pipeline(), "churn")
    store.card(version, "the card")
    path = tmp_path / "models" / blob_name(digest(b"the card"))
    path.chmod(0o644)
    path.write_bytes(b"the cArd")
    with pytest.raises(Corrupt, match="card of churn:1 does not match"):
        store.card(version)
    path.unlink()
    with pytest.raises(NotFound):
        store.card(version)
    assert store.card(version, "anew") == "anew"
    assert store.card(version, "the card") == "the card", "written again, though the catalog knew the bytes"


def test_what_is_no_card_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    version = store.save(pipeline(), "churn")
    monkeypatch.setattr("holdfast.values.limits.CARD_BYTES", 10)
    with pytest.raises(LimitExceeded, match=r"11 bytes, more than 10 \(CARD_BYTES\); put figures beside it"):
        store.card(version, "x" * 11)
    assert store.card(version, "x" * 10) == "x" * 10
    monkeypatch.setattr("holdfast.values.limits.CARD_BYTES", 5)
    with pytest.raises(LimitExceeded, match="takes 10 bytes"):
        store.card(version)
    with pytest.raises(TypeError, match="a card is text"):
        store.card(version, b"x")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        store.card("churn:2")
    store.delete(version)
    with pytest.raises(NotFound):
        store.card(version, "late")


def test_the_command_prints_keeps_and_takes_away_cards(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from holdfast.cli.main import main

    store.save(pipeline(), "churn", alias="production")
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "models"))
    assert main(["card", "churn@production"]) == 0
    assert capsys.readouterr().out.startswith("# churn:1\n")
    text = "# Mine \x1b[31m \U0001f468\u200d\U0001f469\n"
    (tmp_path / "card.md").write_text(text)
    assert main(["card", "churn:1", "--set", str(tmp_path / "card.md"), "--dry-run"]) == 0
    assert store.card("churn:1").startswith("# churn:1\n")
    assert main(["card", "churn:1", "--set", str(tmp_path / "card.md"), "--who", "ben"]) == 0
    assert store.card("churn:1") == text
    capsys.readouterr()
    assert main(["card", "churn:1", "--out", str(tmp_path / "out.md")]) == 0
    assert (tmp_path / "out.md").read_text() == text
    assert main(["card", "churn:1"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["card", "churn:1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": "churn:1", "card": text, "changed": False, "dry_run": False}
    assert main(["card", "churn:1", "--clear"]) == 0
    assert store.card("churn:1").startswith("# churn:1\n")
    (tmp_path / "card.md").write_bytes(b"\xff")
    assert main(["card", "churn:1", "--set", str(tmp_path / "card.md")]) == 6
    assert main(["card", "churn:1", "--set", str(tmp_path / "none.md")]) == 3
    (tmp_path / "card.md").write_bytes(b" \n")
    assert main(["card", "churn:1", "--set", str(tmp_path / "card.md")]) == 2
    assert main(["card", "churn:1", "--set", "x", "--clear"]) == 2
    assert main(["card", "churn:2"]) == 3
