"""The package as a whole: what importing costs, what is public, and what the documents say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import holdfast
from holdfast import errors
from holdfast.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
DOCUMENTED = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_importing_holdfast_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import holdfast; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); {code}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    third = [m for m in done.stdout.split() if m.partition(".")[0] not in sys.stdlib_module_names | {"holdfast"}]
    assert third == []
    assert "holdfast.api" not in done.stdout.split()


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    for name in holdfast.__all__:
        assert getattr(holdfast, name).__doc__, name
    for name in errors.__all__:
        assert getattr(holdfast, name) is getattr(errors, name)
    with pytest.raises(AttributeError):
        holdfast.nothing  # noqa: B018


def test_the_error_tree_is_the_one_that_is_drawn() -> None:
    drawn = set(re.findall(r"\b[A-Z][A-Za-z]+\b(?=(?: \(|\s|$))", errors.__doc__ or ""))
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.HoldfastError)}
    assert classes <= drawn
    assert classes == {name for name in errors.__all__ if name != "HoldfastWarning"}


def test_every_error_and_every_command_is_documented() -> None:
    text = "\n".join(path.read_text() for path in DOCUMENTED)
    for command in COMMANDS:
        assert f"holdfast {command}" in text, command
    for name in holdfast.__all__:
        assert name in text, name


@pytest.mark.parametrize(
    "module", [m.name for m in pkgutil.walk_packages(holdfast.__path__, "holdfast.") if not m.name.endswith("__main__")]
)
def test_examples_in_docstrings_run(module: str) -> None:
    found = importlib.import_module(module)
    assert found.__doc__, f"{module} does not say what it is for"
    result = doctest.testmod(found)
    assert result.failed == 0


def test_the_examples_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), scope)


def test_both_readmes_hold_the_same_code_and_the_same_tables() -> None:
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))

    def code(text: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)]

    def tables(text: str) -> list[int]:
        return [line.count("|") for line in text.splitlines() if line.startswith("|")]

    assert code(english) == code(chinese)
    assert tables(english) == tables(chinese)
    assert english.count("\n## ") == chinese.count("\n## ")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(holdfast.__file__).parent / "py.typed").read_bytes() == b""


@pytest.mark.long
def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    """The lists of trusted types and the mark for type checkers are no modules, and are as easily left out."""
    source = ROOT / "src"
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if not name.partition("/")[0].endswith(".dist-info")}
    wanted = {path.relative_to(source).as_posix(): path.read_bytes() for path in (source / "holdfast").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert "holdfast/py.typed" in held
    assert "holdfast/trust/data/sklearn.json" in held
    assert held == wanted


def test_links_between_documents_lead_somewhere() -> None:
    for path in DOCUMENTED:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
