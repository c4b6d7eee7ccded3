"""A version is whole or absent: killed, refused and cut short at every call that changes a file, those of SQLite too.

`shim.c` counts the calls of a real command once; then the command is run again and ends badly at each of them. After each, a fresh process
loads every acknowledged version, checks every byte, saves again, and reads the store without its catalog.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

import pytest

from tests.store.shimmed import Driver, at_call, calls_made, driving, sample

COMMANDS = ("save", "unlinked", "first", "alias", "collect", "rebuild", "repair", "push", "pull", "unpack", "pack", "migrate")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with driving(tmp_path_factory) as made:
        yield made


def killed(driver: Driver, command: str, step: int | None) -> None:
    count = len(driver.trace(command))
    assert count > 5
    numbers = sample(count, step)

    def attempt(n: int) -> tuple[bool, int]:
        found = driver.run(command, n, "kill")
        driver.verify(command, found["said"])
        return found["killed"], calls_made(found["said"])

    fired = sum(at_call(n, attempt) for n in numbers)
    print(f"{command}: {fired} kills at {len(numbers)} of {count} calls")
    assert fired == len(numbers)


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_some_calls(driver: Driver, command: str) -> None:
    killed(driver, command, None)


WHOLE = ("save", "alias", "collect", "push", "migrate")
"""Commands that are killed at every call; the others write in the same ways, and are killed at each seventh."""


@pytest.mark.long
@pytest.mark.parametrize("command", WHOLE)
def test_killed_at_every_call(driver: Driver, command: str) -> None:
    killed(driver, command, 1)


@pytest.mark.long
@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in WHOLE])
def test_killed_at_many_calls(driver: Driver, command: str) -> None:
    killed(driver, command, 7)


MODES = {
    "no space": ("fail", errno.ENOSPC),
    "a disk error": ("fail", errno.EIO),
    "a quota": ("fail", errno.EDQUOT),
    "an interruption": ("fail", errno.EINTR),
    "a disk that stays full": ("full", 0),
    "a disk that fails from then on": ("full", errno.EIO),
    "a write cut short": ("short", 0),
}
STOPPED = re.compile(r"(refused|exit 7) (NoSpace|Unavailable): ")
"""How a command says that it stopped: as an error of ours, or as an exit code and one."""


def refused(driver: Driver, command: str, mode: str, step: int | None) -> None:
    calls = driver.trace(command)
    what, number = MODES[mode]
    numbers = [n for n in sample(len(calls), step) if what == "fail" or any(call[0] == "write" for call in calls[n - 1 :])]
    if what == "short":
        numbers = [n for n, call in enumerate(calls, 1) if call[0] == "write"]
        numbers = numbers[:: step or max(1, len(numbers) // 3)]

    def attempt(n: int) -> tuple[bool, int]:
        found = driver.run(command, n, what, errno=number)
        said = found["said"]
        assert not found["killed"]
        assert not found["died"]
        hit = next(one for one in said if one.startswith("hit"))
        assert not [one for one in said if one.startswith("untyped") or "Traceback" in one], (hit, said)
        stopped = [one for one in said if one.startswith(("refused", "exit"))]
        assert all(STOPPED.match(one) for one in stopped), (hit, said)
        if what == "short":
            assert not stopped, (hit, said)
        tmp = driver.root / "tmp"
        if "unlink" not in hit and tmp.exists():
            assert not os.listdir(tmp), (hit, said)
        driver.verify(command, [] if stopped else said)
        return "fired 1" in said, calls_made(said)

    fired = sum(at_call(n, attempt) for n in numbers)
    print(f"{command}, {mode}: {fired} at {len(numbers)} of {len(calls)} calls")
    assert fired == len(numbers)


@pytest.mark.parametrize(("command", "mode"), [*(("cli_save", mode) for mode in MODES), ("cli_alias", "a disk that stays full"), ("push", "a disk error"), ("push", "no space")])
def test_refused_at_some_calls(driver: Driver, command: str, mode: str) -> None:
    refused(driver, command, mode, None)


EVERY = [
    *((command, mode) for command in ("cli_save", "cli_alias") for mode in ("no space", "a quota", "a disk error", "a write cut short")),
    *(("push", mode) for mode in ("no space", "a disk error")), ("collect", "a disk error"), ("migrate", "a disk error"),
]  # fmt: skip
"""What is refused at every call, a push at each seventh: each kind of refusal once for each way to write. The others, which write in the same ways, meet theirs at some calls."""
SOME = [(command, mode) for command in COMMANDS for mode in MODES if (command, mode) not in EVERY and (mode in ("a disk error", "a disk that stays full") or command.startswith("cli"))]


@pytest.mark.long
@pytest.mark.parametrize(("command", "mode"), EVERY)
def test_refused_at_every_call(driver: Driver, command: str, mode: str) -> None:
    refused(driver, command, mode, 7 if command == "push" else 1)


@pytest.mark.long
@pytest.mark.parametrize(("command", "mode"), SOME)
def test_refused_at_some_calls_of_the_others(driver: Driver, command: str, mode: str) -> None:
    refused(driver, command, mode, None)


def test_a_file_that_may_not_grow_is_an_error_and_no_signal(driver: Driver) -> None:
    found = driver.run("save", limit=1_000_000)
    assert [one[:15] for one in found["said"] if one.startswith(("refused", "untyped"))] == ["refused NoSpace"], found
    assert not os.listdir(driver.root / "tmp")
    driver.verify("save", [])


def test_a_run_that_made_fewer_calls_ends_badly_at_its_last_one_and_one_that_never_does_is_not_counted() -> None:
    tried = []

    def attempt(n: int) -> tuple[bool, int]:
        tried.append(n)
        return (True, 0) if n <= 433 else (False, 433)

    assert (at_call(435, attempt), tried) == (1, [435, 433])
    assert at_call(7, lambda n: (False, 400)) == 0
    assert at_call(7, lambda n: (False, n - 1)) == 0
