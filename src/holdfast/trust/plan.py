"""The frozen plan: everything a file asks for, checked before anything of it is imported or built.

Order: types and functions against the lists and the policy; the state of every listed class against its schema;
arrays that native code will believe, element by element, in private copies. What comes out is what is built.

The one rule: a plan exists only if every check passed, and after that nothing is decided any more.
"""

from __future__ import annotations

from typing import Any

from holdfast.errors import FormatError, HoldfastError, InvalidState, UntrustedType, quoted
from holdfast.trust.amounts import check_amounts
from holdfast.trust.catalog import Entry, catalog
from holdfast.trust.fields_of import refuse, where_of, with_paths
from holdfast.trust.native_state import OWNERS, VALIDATORS, needed_tensors
from holdfast.trust.policy import REGISTERED_CLASSES, Policy
from holdfast.trust.schema import check_table
from holdfast.trust.view import Tensors, View
from holdfast.values import limits
from holdfast.values import tree as t
from holdfast.values.graph import Graph
from holdfast.values.outline import CALL

NEVER = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": ("eval", "exec", "compile", "getattr", "setattr", "delattr", "open", "__import__", "input", "breakpoint", "globals", "locals", "vars", "apply", "memoryview", "super"),
        "os": ("system", "popen", "execv", "spawnl", "remove", "unlink"),
        "posix": ("system",),
        "nt": ("system",),
        "subprocess": ("Popen", "call", "check_call", "check_output", "run", "getoutput"),
        "pkgutil": ("resolve_name",),
        "importlib": ("import_module",),
        "operator": ("attrgetter", "methodcaller", "itemgetter"),
        "pickle": ("loads", "load"),
        "_pickle": ("loads", "load"),
        "shutil": ("rmtree", "move", "copy"),
        "runpy": ("run_path", "run_module"),
        "code": ("interact",),
        "pty": ("spawn",),
        "ctypes": ("CDLL",),
        "builtins.type": ("__call__",),
    }.items()
    for name in names
)  # fmt: skip
"""Names of which no genuine model has need: the refusal says so and offers no way. They are refused even when trusted."""


UNCHECKED = "its state is not one that can be checked"
"""What is said of a state over which a check tripped."""


class FrozenPlan:
    """What will be built.

    Attributes:
        graph: the checked graph.
        given: name -> class or function object that the caller handed over.
    """

    __slots__ = ("_view", "given", "graph")

    def __init__(self, view: View, given: dict[str, Any]) -> None:
        self.graph = view.graph
        self.given = given
        self._view = view

    def buffer(self, tensor: int) -> Any:
        """Return the raw bytes of a tensor."""
        return self._view.tensors.buffer(tensor)

    def pool(self, index: int) -> list[Any]:
        """Return the small arrays of a table that validators have looked at, or nothing."""
        return self._view.looked_at(index)


def make_plan(graph: Graph, policy: Policy, tensors: Tensors, path: str = "FILE", call: str = "") -> FrozenPlan:
    """Return the plan for a graph, or refuse.

    Args:
        graph: the checked graph.
        policy: what this call may trust beyond the lists.
        tensors: where arrays are read from.
        path: how the caller named the file, for the line that would allow a type.
        call: what would load it, up to its further arguments; ``holdfast.load(path`` unless given.

    Raises:
        UntrustedType: names every type that is not trusted, where it sits, and the line that would allow it.
        InvalidState: the state of a trusted type cannot be genuine.
    """
    view = View(graph, tensors)
    given = check_names(view, policy, path, call or f"holdfast.load({path!r}")
    known = catalog().types
    listed = []
    for index, table in enumerate(graph.tables):
        if type(table) is t.Objects or type(table) is t.Records:
            entry = known.get(table.type)
            if entry is None:
                continue
            if (entry.how == "record") is not (type(table) is t.Records):
                raise FormatError(f"{quoted(table.type)} is stored in a way that is not that of its type")
            listed.append((index, table, entry))
    try:
        tensors.prefetch(needed_tensors(view, [(index, table.type) for index, table, _ in listed]))
        _check_states(view, listed, policy)
    finally:
        tensors.settle()
    return FrozenPlan(view, given)


def _check_states(view: View, listed: list[tuple[int, Any, Entry]], policy: Policy) -> None:
    for index, table, entry in listed:
        # A listed class that the caller vouches for in this call keeps its validators, and may have attributes unknown to the list.
        if (entry.kinds or entry.params) and table.type not in policy.classes and table.type not in policy.names:
            check_table(view, index, entry)
    for index, table, _ in sorted(listed, key=lambda one: one[1].type not in OWNERS):
        validator = VALIDATORS.get(table.type)
        try:
            check_amounts(view, index)
            if validator is not None:
                validator(view, index)
        except InvalidState as error:
            raise with_paths(view, error) from None
        except HoldfastError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A check tripped over something that it does not look for. Nobody knows what that is, so it is not built.
            raise with_paths(view, refuse(where_of(view, index)(0), f"{UNCHECKED} ({type(error).__name__})")) from error


def unknown_states(graph: Graph) -> dict[str, str]:
    """Return, by type name, how the state of listed types differs from what the list knows; for a model that is about to be saved.

    A genuine model can be outside everything that the list was made from. It is saved all the same, and its owner is told
    that a load will ask for the class by name.
    """
    view = View(graph, _NoTensors())
    known = catalog().types
    found: dict[str, str] = {}
    for index, table in enumerate(graph.tables):
        if type(table) is t.Objects or type(table) is t.Records:
            entry = known.get(table.type)
            if entry is not None and (entry.kinds or entry.params):
                try:
                    check_table(view, index, entry)
                except InvalidState as error:
                    found.setdefault(table.type, error.message.partition(";")[0])
    return found


class _NoTensors:
    """A graph without bytes: schemas read none."""

    def private(self, tensor: int) -> Any:
        raise NotImplementedError

    def buffer(self, tensor: int) -> Any:
        raise NotImplementedError

    def prefetch(self, tensors: list[int]) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        raise NotImplementedError


def check_names(view: View, policy: Policy, path: str, call: str) -> dict[str, Any]:
    """Return the objects that the caller gave for names in the graph; refuse when a name is not trusted.

    Raises:
        UntrustedType: see `make_plan`.
    """
    lists = catalog()
    graph = view.graph
    given: dict[str, Any] = {}
    refused: dict[tuple[str, str], int] = {}
    for index, table in enumerate(graph.tables):
        if type(table) is t.Objects or type(table) is t.Records:
            name = table.type
            if CALL in table.fields:
                refused.setdefault((name, "call"), graph.bases[index])
            elif name in NEVER:
                refused.setdefault((name, "class"), graph.bases[index])
            elif name in policy.classes:
                given[name] = policy.classes[name]
            elif name in REGISTERED_CLASSES:
                given[name] = REGISTERED_CLASSES[name]
            elif name not in lists.types and name not in policy.names:
                refused.setdefault((name, "class"), graph.bases[index])
        elif type(table) is t.Names:
            for row, name in enumerate(table.names):
                if name in NEVER:
                    refused.setdefault((name, "callable"), graph.bases[index] + row)
                elif name in policy.callables:
                    given[name] = policy.callables[name]
                elif name in policy.classes:
                    given[name] = policy.classes[name]
                elif not (name in lists.values or name in policy.functions or name in policy.names):
                    refused.setdefault((name, "callable"), graph.bases[index] + row)
    if refused:
        raise _refusal(view, refused, path, call)
    return given


def _refusal(view: View, refused: dict[tuple[str, str], int], path: str, call: str) -> UntrustedType:
    count = len(refused)
    lines = [f"needs {count} type{'s' * (count > 1)} that {'are' if count > 1 else 'is'} not on the trusted list; nothing was loaded."]
    allowed: dict[str, list[str]] = {"class": [], "callable": [], "call": []}
    for number, ((name, what), node) in enumerate(sorted(refused.items()), 1):
        if number > limits.SHOWN_TYPES:
            lines.append(f"  … and {count - limits.SHOWN_TYPES} more")
            break
        place = quoted(view.paths.path(node), 80) or "the root"
        odd = _odd(name)
        if name in NEVER:
            note = "never trusted; a genuine model does not need it"
        elif what == "call":
            note = "the file would call it; holdfast calls nothing that a file names"
        elif odd:
            note = odd
        elif name.startswith("__main__."):
            note = "made in somebody's notebook or script; define the class here and give it as an object"
        else:
            note = "review its code first"
            allowed[what].append(name)
        lines.append(f"  {number}. {quoted(name, 80)}   {what}   at {place}   ({note})")
    arguments = []
    if allowed["class"]:
        arguments.append(f"trusted=[{', '.join(repr(name) for name in allowed['class'])}]")
    if allowed["callable"]:
        arguments.append(f"trusted_functions=[{', '.join(repr(name) for name in allowed['callable'])}]")
    calls = any(what == "call" for _, what in refused)
    if arguments and not calls:
        lines.append(f"To allow {'them' if count > 1 else 'it'} after reviewing the code:  {call}, {', '.join(arguments)})")
    if calls and not any(name in NEVER for name, _ in refused):
        lines.append(f"To run what it calls all the same, in a child process without network:  holdfast convert --allow-pickle {path} new.safetensors")
    mains = [name.rpartition(".")[2] for (name, what), _ in refused.items() if name.startswith("__main__.") and what == "class"]
    if mains and not calls and len(mains) <= limits.SHOWN_TYPES and all(name.isidentifier() for name in mains):
        lines.append(f"Where the class is defined:  {call}, trusted=[{', '.join(sorted(mains))}])")
    return UntrustedType("\n".join(lines), names=tuple(name for name, _ in refused))


def _odd(name: str) -> str:
    if not name.isascii():
        import unicodedata

        kinds = {unicodedata.name(c, "an unnamed character") for c in name if not c.isascii()}
        return f"the name holds {quoted(sorted(kinds)[0].lower(), 40)}, as look-alikes do; never trusted"
    if not all(part.isidentifier() for part in name.split(".")) or "." not in name:
        return "this is not the name of anything; never trusted"
    return ""
