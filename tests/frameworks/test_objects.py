"""Every object of the must-pass list: exact or refused by name, never silently changed."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import holdfast
from tests.frameworks.exact import exact
from tests.frameworks.objects_list import OBJECTS, OWN, REFUSED, Frozen, Plain, Slotted


def again(obj: Any, **options: Any) -> Any:
    return holdfast.loads(holdfast.dumps(obj, **options), trusted=OWN, copy=True)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_comes_back_exact(name: str) -> None:
    assert exact(OBJECTS[name], again(OBJECTS[name]))


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_comes_back_exact_from_a_compressed_file(name: str) -> None:
    assert exact(OBJECTS[name], again(OBJECTS[name], compress="zstd"))


@pytest.mark.parametrize("name", OBJECTS)
def test_saving_what_was_loaded_gives_the_same_bytes(name: str) -> None:
    blob = holdfast.dumps(OBJECTS[name])
    assert holdfast.dumps(holdfast.loads(blob, trusted=OWN)) == blob


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_file_can_hold_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(holdfast.UnsupportedModel, match=r"cannot save .* at inner\.here: .{20}"):
        holdfast.dumps({"inner": {"here": REFUSED[name]}})


def test_an_object_that_is_referred_to_twice_stays_one() -> None:
    shared = [1, 2]
    array = np.arange(3)
    back = again({"a": shared, "b": (shared, shared), "c": array, "d": [array]})
    assert back["a"] is back["b"][0] is back["b"][1]
    assert back["c"] is back["d"][0]


def test_cycles_come_back() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    me = Plain()
    me.me, me.all = me, {"me": me}  # type: ignore[attr-defined]
    back, other = again(ring), again(me)
    assert back[1] is back
    assert other.me is other
    assert other.all["me"] is other


def test_a_tuple_in_a_cycle_comes_back() -> None:
    box: list[Any] = []
    box.append((1, box))
    back = again(box)
    assert back[0][1] is back


def test_a_value_that_holds_itself_through_values_built_in_one_step_is_refused() -> None:
    import functools

    inner: dict[str, Any] = {}
    part = functools.partial(np.add, **inner)
    part.keywords["self"] = part
    with pytest.raises(holdfast.UnsupportedModel, match="holds itself"):
        holdfast.dumps(part)


def test_a_linked_list_of_100000_objects_needs_no_recursion() -> None:
    head = None
    for i in range(100_000):
        node = Slotted(i)
        node.b = head  # type: ignore[attr-defined]
        head = node
    back = again(head)
    count = 0
    while back is not None:
        count, back = count + 1, back.b
    assert count == 100_000


def test_nested_tuples_of_depth_20000_need_no_recursion() -> None:
    deep: Any = ()
    for _ in range(20_000):
        deep = (deep,)
    back = again(deep)
    depth = 0
    while back:
        depth, back = depth + 1, back[0]
    assert depth == 20_000


def test_sharing_that_would_explode_when_written_out_stays_small() -> None:
    x: Any = [1]
    for _ in range(200):
        x = [x, x]
    blob = holdfast.dumps(x)
    assert len(blob) < 10_000
    back = holdfast.loads(blob)
    for _ in range(200):
        assert back[0] is back[1]
        back = back[0]


def test_arrays_that_share_memory_still_do() -> None:
    base = np.arange(12.0).reshape(3, 4)
    back = again({"base": base, "row": base[1], "every other": base[:, ::2], "reversed": base[::-1]})
    back["base"][1, 0] = 99
    assert back["row"][0] == 99
    assert back["every other"][1, 0] == 99
    assert back["reversed"][1, 0] == 99
    assert back["row"].base is not None


@pytest.mark.parametrize("seed", range(20))
def test_windows_into_several_arrays_in_any_order_share_what_they_shared(seed: int) -> None:
    dice = random.Random(seed)
    bases = [np.arange(60.0) + i * 1000 for i in range(3)]
    model = []
    for _ in range(dice.randrange(2, 9)):
        start = dice.randrange(0, 40)
        model.append(dice.choice(bases)[start : dice.randrange(start + 4, 60) : dice.choice([1, 2, 3])])
    back = holdfast.loads(holdfast.dumps(model), copy=True)
    assert all(np.array_equal(a, b) for a, b in zip(model, back, strict=True))
    assert [[np.shares_memory(a, b) for b in back] for a in back] == [[np.shares_memory(a, b) for b in model] for a in model]


def test_a_view_of_a_large_array_stores_only_itself() -> None:
    assert len(holdfast.dumps(np.zeros(1_000_000)[:10])) < 2000


def test_padding_of_structured_items_is_zero_in_the_file() -> None:
    from tests.frameworks.objects_list import RECORD

    raw = np.full(48, 0xAB, np.uint8)
    dirty = raw.view(RECORD)
    dirty["a"], dirty["b"] = 1, 2
    clean = np.zeros(2, RECORD)
    clean["a"], clean["b"] = 1, 2
    assert holdfast.dumps(dirty) == holdfast.dumps(clean)


def test_a_class_with_pickle_hooks_of_its_own_is_refused_with_the_recipe() -> None:
    class Hooked:
        def __getstate__(self) -> dict[str, Any]:
            raise AssertionError("never called")

    with pytest.raises(holdfast.UnsupportedModel, match="register"):
        holdfast.dumps(Hooked())


def test_a_user_class_needs_to_be_trusted_by_name_or_as_an_object() -> None:
    blob = holdfast.dumps(Frozen("a", (1,)))
    with pytest.raises(holdfast.UntrustedType) as caught:
        holdfast.loads(blob)
    assert "tests.frameworks.objects_list.Frozen" in str(caught.value)
    assert "trusted=['tests.frameworks.objects_list.Frozen']" in str(caught.value)
    assert holdfast.loads(blob, trusted=["tests.frameworks.objects_list.Frozen"]) == Frozen("a", (1,))
    assert holdfast.loads(blob, trusted=[Frozen]) == Frozen("a", (1,))


@pytest.mark.parametrize("wrong", [True, "*", "acme.Thing", ["*"], ["acme.*"], ["__main__.Mine"], [3], Frozen, ["no dot"], ["a..b"]])
def test_trust_is_only_ever_exact(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r".{40}"):
        holdfast.loads(b"", trusted=wrong)


def test_user_functions_are_trusted_by_exact_name() -> None:
    blob = holdfast.dumps({"f": again})
    with pytest.raises(holdfast.UntrustedType, match="trusted_functions="):
        holdfast.loads(blob)
    name = f"{again.__module__}.again"
    assert holdfast.loads(blob, trusted_functions=[name])["f"] is again
    assert holdfast.loads(blob, trusted_functions=[again])["f"] is again
