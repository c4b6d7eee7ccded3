"""`Store.search`: its language, its pages, and what it refuses."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import InvalidQuery
from holdfast.store import catalog as c
from holdfast.store.query import parse, parse_order
from holdfast.store.store import Store
from holdfast.store.version import Version
from holdfast.values import limits
from tests.store.conftest import address

DAY = 86400.0
START = 1_780_000_000.0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store of some versions that differ in everything, over either kind of catalog."""
    found = holdfast.connect(address(request.param, tmp_path_factory.mktemp("search"), request))
    picked = random.Random(7)
    teams = ["risk", "Risk", "growth", "a'b", "50%", "x_y", "*", "größe", "[x]"]
    for number in range(60):
        name = f"model {number % 7}"
        metrics: dict[str, Any] = {} if number % 5 == 0 else {"auc": picked.choice([0.5, 0.7, 0.9, 0.91, 1.0])}
        metrics.update({"val auc": number / 10} if number % 3 == 0 else {"stage": "final" if number % 2 else "draft"})
        tags = {} if number % 4 == 0 else {"team": teams[number % len(teams)]}
        found.save({"value": [number] * (number + 1)}, name, metrics=metrics, tags=tags, note="" if number % 2 else f"note {number}", who=picked.choice(["", "ann", "ben"]),
                   parent="model 1:1" if number % 6 == 0 else None)  # fmt: skip
    for name in found.models():
        found.alias(f"{name}@production", 1)
    found.alias("model 1@staging", 2)
    with found.database.writing() as on:  # times of their own, a day apart
        for place, row in enumerate(on.execute(sa.select(c.version.c.model, c.version.c.n)).all()):
            on.execute(sa.update(c.version).where(c.version.c.model == row.model, c.version.c.n == row.n).values(at=START + place * DAY / 2))
    yield found
    found.close()


def names(found: list[Version]) -> set[str]:
    return {str(one) for one in found}


def everything(store: Store) -> list[Version]:
    return list(store.search(limit=1000))


ASKED: list[tuple[str, Callable[[Version], bool]]] = [
    ("", lambda v: True),
    ("metrics.auc > 0.9", lambda v: v.metrics.get("auc", 0) > 0.9),
    ("metrics.auc >= 0.9 and tags.team = 'risk'", lambda v: v.metrics.get("auc", 0) >= 0.9 and v.tags.get("team") == "risk"),
    ("metrics.auc < 0.9 or tags.team = 'growth'", lambda v: v.metrics.get("auc", 1) < 0.9 or v.tags.get("team") == "growth"),
    ("not (metrics.auc <= .9 or tags.team = \"risk\")", lambda v: not (v.metrics.get("auc", 1) <= 0.9 or v.tags.get("team") == "risk")),
    ("tags.team != 'risk'", lambda v: v.tags.get("team") != "risk"),
    ("tags.team in ('risk', 'a''b', '*')", lambda v: v.tags.get("team") in ("risk", "a'b", "*")),
    ("tags.team not in ('risk')", lambda v: v.tags.get("team") != "risk"),
    ("tags.team is null", lambda v: "team" not in v.tags),
    ("metrics.auc is not null and metrics.nothing is null", lambda v: "auc" in v.metrics),
    ("tags.team like 'r%'", lambda v: v.tags.get("team", "").startswith("r")),
    ("tags.team like '___%'", lambda v: len(v.tags.get("team", "")) >= 3),
    ("tags.team like '*'", lambda v: v.tags.get("team") == "*"),
    ("tags.team like '[x]'", lambda v: v.tags.get("team") == "[x]"),
    ("tags.team contains '%'", lambda v: "%" in v.tags.get("team", "")),
    ("tags.team contains '_'", lambda v: "_" in v.tags.get("team", "")),
    ("tags.team not like 'R%' and tags.team is not null", lambda v: "team" in v.tags and not v.tags["team"].startswith("R")),
    ("tags.team > 'g' and tags.team <= 'größe'", lambda v: "g" < v.tags.get("team", "") <= "größe"),
    ('metrics."val auc" between'.replace("between", ">= 2"), lambda v: v.metrics.get("val auc", 0) >= 2),
    ("metrics.stage = 'final'", lambda v: v.metrics.get("stage") == "final"),
    ("metrics.stage > 'e' or metrics.stage in ('draft', 3)", lambda v: "stage" in v.metrics),
    ("metrics.stage = 1", lambda v: False),
    ("model = 'model 3'", lambda v: v.model == "model 3"),
    ("model != 'model 3' and model > 'model 2'", lambda v: v.model > "model 3"),
    ("model contains '5' or model like '%6'", lambda v: v.model[-1] in "56"),
    ("n = 2", lambda v: v.n == 2),
    ("n == 2.5", lambda v: False),
    ("n > 2.5 and n <= 4", lambda v: v.n in (3, 4)),
    ("n in (1, 3, 2.5, 99999999999999999999)", lambda v: v.n in (1, 3)),
    ("n < 99999999999999999999 and n > -5 and n >= -99999999999999999999", lambda v: True),
    ("n > 99999999999999999999 or n < -1", lambda v: False),
    ("size > '400 B'", lambda v: v.size > 400),
    ("size <= 4e2", lambda v: v.size <= 400),
    ("who = 'ann'", lambda v: v.who == "ann"),
    ("who is null and note is not null", lambda v: not v.who and bool(v.note)),
    ("note contains 'note 1'", lambda v: "note 1" in v.note),
    ("type = 'builtins.dict' or type contains 'dict'", lambda v: True),
    ("alias = 'production'", lambda v: "production" in v.aliases),
    ("alias != 'production'", lambda v: "production" not in v.aliases),
    ("alias in ('staging', 'production') and n = 2", lambda v: bool(v.aliases) and v.n == 2),
    ("alias like 's%' or alias contains 'prod'", lambda v: bool(v.aliases)),
    ("alias is null", lambda v: not v.aliases),
    ("parent = 'model 1:1'", lambda v: v.parent == "model 1:1"),
    ("not parent = 'model 1:1'", lambda v: v.parent != "model 1:1"),
    ("parent is null", lambda v: v.parent is None),
    (f"at < {START + 10 * DAY}", lambda v: v.at < START + 10 * DAY),
    ("at >= '2026-06-01' and at < '2026-06-10'", lambda v: 1780272000 <= v.at < 1781049600),
    ("at = '2026-06-03'", lambda v: 1780444800 <= v.at < 1780531200),
    ("at > '2026-06-03'", lambda v: v.at >= 1780531200),
    ("at <= '2026-06-03'", lambda v: v.at < 1780531200),
    ("at != '2026-06-03'", lambda v: not 1780444800 <= v.at < 1780531200),
    ("at in ('2026-06-03', '2026-06-04')", lambda v: 1780444800 <= v.at < 1780617600),
    ("NOT NOT n = 1 AND (n = 1 OR n = 2)", lambda v: v.n == 1),
]


@pytest.mark.parametrize(("query", "right"), ASKED, ids=[query for query, _ in ASKED])
def test_a_question_finds_what_it_says(store: Store, query: str, right: Callable[[Version], bool]) -> None:
    assert names(store.search(query, limit=1000)) == {str(one) for one in everything(store) if right(one)}
    # the opposite finds the others: nothing is neither true nor false
    if query:
        assert names(store.search(f"not ({query})", limit=1000)) == {str(one) for one in everything(store) if not right(one)}


def test_latest_is_an_alias_like_others(store: Store) -> None:
    last = {f"{name}:{store[f'{name}@latest'].n}" for name in store.models()}
    assert names(store.search("alias = 'latest'", limit=1000)) == last
    assert names(store.search("alias in ('latest', 'staging')")) == {*last, "model 1:2"}
    assert not names(store.search("alias != 'latest'", limit=1000)) & last


ORDERS = {
    "at": lambda v: v.at, "n": lambda v: v.n, "size": lambda v: v.size, "model": lambda v: v.model, "type": lambda v: v.type, "who": lambda v: v.who,
    "metrics.auc": lambda v: v.metrics.get("auc"), "metrics.'val auc'": lambda v: v.metrics.get("val auc"), "tags.team": lambda v: v.tags.get("team"),
    "metrics.stage": lambda v: None, "tags.nothing": lambda v: None,
}  # fmt: skip


@pytest.mark.parametrize(("order", "way", "limit"), itertools.product(ORDERS, ["", " asc", " desc"], [1, 7]))
def test_pages_hold_every_version_once_in_order(store: Store, order: str, way: str, limit: int) -> None:
    found: list[Version] = []
    after = None
    while True:
        page = store.search("n < 8", order=order + way, limit=limit, after=after)
        assert len(page) <= limit
        found += page
        if (after := page.after) is None:
            break
        assert len(page) == limit
    wanted = [one for one in everything(store) if one.n < 8]
    assert len(found) == len(wanted)
    assert names(found) == names(wanted)
    values: list[Any] = [ORDERS[order](one) for one in found]
    there = [one for one in values if one is not None]
    assert values[len(there) :] == [None] * (len(values) - len(there))
    assert there == sorted(there, reverse=way == " desc")


def test_a_page_goes_on_where_the_one_before_ended_though_versions_come_between(catalog: Store) -> None:
    store = catalog
    for number in range(6):
        store.save({"n": number}, "m", metrics={"auc": number})
    first = store.search(order="metrics.auc desc", limit=2)
    store.save({"n": 9}, "m", metrics={"auc": 9})
    store.delete("m:4")
    rest = store.search(order="metrics.auc desc", limit=9, after=first.after)
    assert [one.metrics["auc"] for one in [*first, *rest]] == [5, 4, 2, 1, 0]


REFUSED = {
    "metrics.auc >": ("a value is missing here", 13),
    "metrics.auc": ("a comparison is missing here", 11),
    "auc > 0.9": ("this is no field", 0),
    "metrics > 1": ("a key is missing here, as in metrics.auc", 0),
    "metrics.'' > 1": ("a key of metrics is missing", 0),
    "n > 1 metrics.auc > 2": ("does not follow", 6),
    "(n > 1": ("a parenthesis is not closed", 6),
    "n > 1)": ("does not follow", 5),
    "n > 'one'": ("n is compared with a number", 4),
    "n > true": ("n is compared with a number", 4),
    "size > 'much'": ("a size is a number of bytes", 7),
    "who = 3": ("who is compared with a text in quotes, as in '3'", 6),
    "tags.team = risk": ("a value is missing here", 12),
    "tags.team = null": ("what is absent is found by: is null", 12),
    "tags.team = 'risk": ("a text ends with the sign", 12),
    "at > '22.11.2026'": ("a time is an ISO date", 5),
    "at > true": ("a time is an ISO date", 5),
    "at like '2026%'": ("at is no text", 8),
    "n contains '1'": ("n is no text", 11),
    "who like 3": ("behind like stands a text", 9),
    "who like '" + "%a" * 9 + "'": ("more than 8 signs %", 9),
    "n not > 1": ("in, like or contains is missing", 6),
    "n is 3": ("behind 'is' stands null", 5),
    "n in 3": ("behind 'in' stands a list", 5),
    "n in (1, 2": ("the list is not closed", 10),
    "n in ()": ("a value is missing here", 6),
    "n > 1 && n < 3": ("conditions are joined by and", 6),
    "n ! 1": ("the opposite of = is !=", 2),
    "n > 1e999": ("this number is too large", 4),
    "who = 'a\0b'": ("a NUL or half a character", 6),
    "who = '\ud800'": ("a NUL or half a character", 6),
    "and n > 1": ("this is no field", 0),
    "n > 1 or": ("a field is missing", 8),
    "1 = n": ("this is no field", 0),
    "; drop table version": ("is not part of a question", 0),
    "n = 1 -- x": ("is not part of a question", 6),
    "(" * 60 + "n = 1" + ")" * 60: ("nests deeper than 20", 20),
    "not " * 60 + "n = 1": ("nests deeper than 20", 80),
    " or ".join(["n = 1"] * 101): ("more than 100 conditions", 900),
    f"n in ({', '.join(['1'] * 501)})": ("more than 500 values", 1506),
}


@pytest.mark.parametrize("query", REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_is_no_question_is_refused_and_shown(store: Store, query: str) -> None:
    said, place = REFUSED[query]
    with pytest.raises(InvalidQuery, match=said.replace("(", r"\(")) as caught:
        store.search(query)
    assert caught.value.place == place
    assert caught.value.text == query
    lines = str(caught.value).split("\n")
    assert lines[2].strip().strip("^") == ""


def test_what_is_too_long_or_no_text_is_refused(store: Store) -> None:
    with pytest.raises(InvalidQuery, match="10001 characters; 10000 are allowed"):
        store.search("n" * (limits.QUERY_CHARACTERS + 1))
    with pytest.raises(InvalidQuery, match="a question is a text, and not int"):
        store.search(3)  # type: ignore[arg-type]
    for limit in (0, 1001, True, 2.0):
        with pytest.raises(ValueError, match="is no number of versions; give 1 to 1000"):
            store.search(limit=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("", "a field is missing"), ("alias", "there is no order by alias"), ("note desc", "no order by note"), ("n desc asc", "does not follow"), ("n, at", "one field gives the order"),
        ("metrics", "a key is missing"), ("desc", "this is no field"), ("n; drop", "is not part"),
    ],
)  # fmt: skip
def test_what_is_no_order_is_refused(store: Store, order: str, said: str) -> None:
    with pytest.raises(InvalidQuery, match=said):
        store.search(order=order)


def test_cursors_are_of_their_question_and_nothing_else_is_one(store: Store) -> None:
    import base64
    import json

    after = store.search("n > 1", limit=2).after
    assert after is not None
    for query, order in (("n > 2", "at desc"), ("n > 1", "at asc"), ("n > 1", "n desc")):
        with pytest.raises(InvalidQuery, match="cursor"):
            store.search(query, order=order, after=after)
    mark, absent, value, model, n = json.loads(base64.urlsafe_b64decode(after + "=="))
    made: list[Any] = [
        [mark, absent, "text", model, n], [mark, absent, None, model, n], [mark, True, None, model, n], [mark, 1, value, model, n], [mark, absent, value, model, 2**40],
        [mark, absent, value, -1, n], [mark, absent, float("inf"), model, n], [mark, absent, True, model, n], [mark, absent, value, model, n, 1], [], 3, None, {"a": 1},
    ]  # fmt: skip
    long = json.dumps([mark, absent, value, model, n]).encode() + b" " * 20_000
    bad = ["", "!!", "ä", "x" * 20_000, "A" * 500, base64.urlsafe_b64encode(long).decode(), *[base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in made]]
    for text in bad:
        with pytest.raises(InvalidQuery, match="no cursor"):
            store.search("n > 1", after=text)


HOSTILE = ["' or 1=1 --", "'; drop table version; --", '"', "\\", "%", "_", "?", ":a", "%(a)s", "{x}", "\n", "*", "$1", "a' union select 1", "\u202e", "𝒳", "/*"]


def test_hostile_text_is_a_value_like_any_other(catalog: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.store.said.checked_key", lambda key, what: key)  # somebody else's program wrote it
    store = catalog
    for number, text in enumerate(HOSTILE):
        store.save({"n": number}, "m", tags={"t": text, text: "key"}, metrics={"x": text}, note=text, who=text)
    for number, text in enumerate(HOSTILE):
        escaped = text.replace("'", "''")
        for query in (f"tags.t = '{escaped}'", f"metrics.x = '{escaped}'", f"note = '{escaped}'", f"who in ('{escaped}')", f"tags.'{escaped}' = 'key'"):
            assert [one.n for one in store.search(query)] == [number + 1], query
        assert number + 1 in {one.n for one in store.search(f"tags.t contains '{escaped}'")}
        assert store.search(f"model = '{escaped}'") == []
    # what a question holds is bound, and no text of it stands in a statement
    said: list[str] = []
    sa.event.listen(store.database.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    for field in ("tags.MARKER", "metrics.MARKER", "model", "type", "who", "note", "alias", "parent"):
        query = " and ".join(f"{field} {op} 'MARKER'" for op in ("=", "like", "contains"))
        for whole in (query, f"not ({query})"):
            for order in ("at", "tags.MARKER", "metrics.MARKER"):
                store.search(whole, order=order)
    assert len(said) > 50
    assert not any("MARKER" in one for one in said)
    assert len(store.search(limit=100)) == len(HOSTILE)


def test_the_largest_question_that_is_allowed_is_answered(store: Store) -> None:
    store.search(" and ".join(f"metrics.auc{number} > {number}" for number in range(100)))
    store.search(" and ".join(f"metrics.auc{number} > {number}" for number in range(100)), order="tags.team")
    store.search(" or ".join(f"tags.t{number} != '{number}'" for number in range(100)))
    store.search("(" * 19 + "n = 1" + ")" * 19)
    store.search("not " * 19 + "n = 1")
    for field in ("tags.a", "metrics.a", "alias", "parent"):
        deep = f"{field} in ('x', 'latest')"
        for number in range(19):
            deep = f"({field} != 'x' {'and' if number % 2 else 'or'} {deep})"
        store.search(deep)
        deep = f"{field} = 'x'"
        for _ in range(9):
            deep = f"not ({field} = 'x' and {deep})"
        store.search(deep)
    store.search(f"n in ({', '.join(str(number) for number in range(500))})")
    store.search("at in (" + ", ".join(f"'2026-01-{1 + number % 28:02}'" for number in range(500)) + ")")
    store.search("who like '" + "%a" * 8 + "'")


@pytest.mark.parametrize("first", [None, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("order", ["at desc", "metrics.auc", "tags.team desc", "model"])
def test_where_it_begins_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch, first: int | None, order: str) -> None:
    from holdfast.store import search

    query = "metrics.auc >= 0.5 and tags.team != 'x' and model in ('model 1', 'model 2', 'model 3') and at > 0 and n < 8"
    wanted = [str(one) for one in store.search(query, order=order)]
    assert len(wanted) > 10
    place = {None: None, 0: 0, 1: 2, 2: 3, 3: 4, 4: 0}[first]
    monkeypatch.setattr(search, "begin_with", lambda *given: place)
    assert [str(one) for one in store.search(query, order=order)] == wanted
    after = store.search(query, order=order, limit=3).after
    assert [str(one) for one in store.search(query, order=order, after=after)] == wanted[3:]


def test_a_page_takes_few_statements_however_many_versions_it_has(store: Store) -> None:
    asked: list[str] = []
    sa.event.listen(store.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    counts = []
    for limit in (1, 50):
        asked.clear()
        assert len(store.search("n > 0", limit=limit)) == limit
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 7


def test_and_binds_stronger_than_or_and_not_strongest() -> None:
    assert parse("n = 1 or n = 2 and n = 3") == parse("n = 1 or (n = 2 and n = 3)")
    assert parse("not n = 1 and n = 2") == parse("(not n = 1) and n = 2")
    assert parse("") is parse("  \n ") is None
    assert parse("metrics.f1-score.x/y > 1") == parse("metrics.'f1-score.x/y' > 1")


def test_questions_are_answered_by_indexes(tmp_path: Path) -> None:
    """Of what an index has, no question passes every version; a catalog of a hundred thousand stands in docs/bench.md."""
    from bench.store_catalog import QUESTIONS, fill
    from sqlalchemy.dialects import sqlite

    from holdfast.store.clauses import Clauses
    from holdfast.store.planning import begin_with
    from holdfast.store.search import asked

    store = holdfast.connect(tmp_path)
    fill(store.database, 30, 30)
    plans = {}
    with store.database.reading() as on:
        for name, (query, order) in QUESTIONS.items():
            wanted = asked(query, order, 5, None)
            first = begin_with(on, wanted.needed, wanted.order, 5)
            made = Clauses(True).select(wanted.needed, first, wanted.order, wanted.down, False, None).limit(6)
            text = made.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
            plans[name] = [row[3] for row in on.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    for name in ("two conditions, by metric", "two conditions, newest", "rare tag", "nothing", "nothing, by metric", "in production", "one model", "a day", "best of all", "not of a team"):
        assert not any(line.startswith("SCAN version") for line in plans[name]), (name, plans[name])
        assert "SEARCH" in plans[name][0] + plans[name][1], (name, plans[name])
    assert "SEARCH version USING INDEX sqlite_autoindex_version_1 (model=? AND n=?)" in plans["rare tag or rare metric"], plans["rare tag or rare metric"]
    # along the order, and not sorted
    for name in ("newest page", "without a tag", "words in notes"):
        assert plans[name][0] == "SCAN version USING INDEX ix_version_at", (name, plans[name])
    for name in ("best of all", "not of a team", "latest of each model"):
        assert not any("TEMP B-TREE" in line for line in plans[name]), (name, plans[name])
    # the rarest is begun with
    assert plans["rare tag"][0].startswith("SEARCH tag_1 USING COVERING INDEX ix_tag_key_value")
    assert plans["one model"][0] == "SEARCH version USING COVERING INDEX sqlite_autoindex_version_1 (model=?)"
    store.close()


WORDS = ["metrics.auc", "metrics.stage", "tags.team", "tags.'a b'", "model", "n", "type", "who", "note", "at", "size", "alias", "parent", "and", "or", "not", "(", ")", ",", "=", "!=", "<", ">=", "in",
         "like", "contains", "is", "null", "'risk'", "'latest'", "'2026-06-03'", "'1GB'", "'%a_'", "\"x\"", "3", "-2.5", "1e300", "99999999999999999999", "true", "''", "'\u00e9'", "'\U0001f600'"]  # fmt: skip
FIELD = st.sampled_from(WORDS[:13])
VALUE = st.sampled_from(WORDS[WORDS.index("'risk'") :])
CONDITION = st.one_of(
    st.builds("{} {} {}".format, FIELD, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUE), st.builds("{} {} ({}, {})".format, FIELD, st.sampled_from(["in", "not in"]), VALUE, VALUE),
    st.builds("{} {} {}".format, FIELD, st.sampled_from(["like", "contains", "not like"]), VALUE), st.builds("{} is {}null".format, FIELD, st.sampled_from(["", "not "])),
)  # fmt: skip
QUESTION = st.recursive(CONDITION, lambda of: st.one_of(st.builds("({} and {})".format, of, of), st.builds("({} or {})".format, of, of), st.builds("not {}".format, of)), max_leaves=5)
ORDER = st.sampled_from(["at desc", "metrics.auc", "tags.team desc", "model", "size desc", "n", "type", "who desc", "metrics.stage"])


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=QUESTION, order=ORDER)
def test_every_question_is_answered_or_refused_and_its_opposite_finds_the_rest(store: Store, question: str, order: str) -> None:
    try:
        found = store.search(question, order=order, limit=1000)
    except InvalidQuery:
        return
    rest = store.search(f"not ({question})", order=order, limit=1000)
    assert not names(found) & names(rest)
    assert len(found) + len(rest) == len(everything(store)) == 60
    again: list[Version] = []
    after = None
    while True:
        page = store.search(question, order=order, limit=17, after=after)
        again += page
        if (after := page.after) is None:
            break
    assert [str(one) for one in again] == [str(one) for one in found]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=st.one_of(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.text(max_size=40)))
def test_whatever_is_asked_is_a_question_or_refused(text: str) -> None:
    for read in (parse, parse_order):
        try:
            read(text)
        except InvalidQuery as error:
            assert 0 <= error.place <= len(text)
            assert str(error).count("\n") <= 3
