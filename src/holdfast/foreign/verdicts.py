"""What a name in a foreign file means for whoever would run it.

The verdicts are for a person's eyes. What decides whether a file loads is the list of trusted types, which knows none of these.

The one rule: a name is judged as text; nothing is imported to find out.
"""

from __future__ import annotations

import importlib

import msgspec

from holdfast.foreign.at_once import NOW
from holdfast.foreign.made import RULES
from holdfast.trust.catalog import catalog
from holdfast.trust.plan import NEVER

_DANGEROUS = frozenset(
    ["os", "posix", "nt", "ntpath", "posixpath", "subprocess", "sys", "socket", "ssl", "http", "urllib", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "telnetlib", "webbrowser", "ctypes", "cffi", "shutil", "pty", "runpy", "code", "codeop", "importlib", "imp", "pkgutil", "zipimport", "site", "builtins", "io", "tempfile", "pathlib", "signal", "multiprocessing", "threading", "asyncio", "_thread", "pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "operator", "inspect", "types", "gc", "atexit", "faulthandler", "trace", "timeit", "profile", "cProfile", "pdb", "bdb", "doctest", "unittest", "pip", "venv", "ensurepip", "setuptools", "distutils", "platform", "commands", "popen2", "sqlite3", "xmlrpc", "xml", "winreg", "msvcrt", "resource", "fcntl", "termios", "tty", "idlelib", "lib2to3", "test"]
)
"""Modules that no genuine model calls, but for the few names that are known: they start programs, open files and sockets, or run code."""

_WHY = {
    "builtins": "runs code or reaches any attribute", "os": "starts programs and changes files", "posix": "starts programs and changes files", "nt": "starts programs and changes files",
    "subprocess": "starts programs", "socket": "opens connections", "importlib": "imports anything", "pkgutil": "reaches anything by name", "operator": "calls anything by name",
    "pickle": "unpickles once more, unseen", "_pickle": "unpickles once more, unseen", "dill": "makes functions out of code in the file", "cloudpickle": "makes functions out of code in the file",
    "marshal": "makes code out of bytes", "types": "makes functions out of code in the file", "ctypes": "calls machine code",
}  # fmt: skip


class Verdict(msgspec.Struct, frozen=True):
    """A name in a file, and what it means.

    Attributes:
        name: the exact name.
        verdict: ``known``, ``unknown`` or ``dangerous``.
        why: the reason, in words.
        called: whether the file would call it, or make an object of it.
    """

    name: str
    verdict: str
    why: str
    called: bool


def verdict_on(name: str, called: bool) -> Verdict:
    """Return the verdict on a name."""
    lists = catalog()
    top = name.partition(".")[0]
    if name not in NEVER:
        if name in NOW or _has_rule(top, name) or (".numpy_pickle" in name and top in ("joblib", "sklearn")):
            return Verdict(name, "known", "plain data; holdfast makes it by itself", called)
        if name in lists.types:
            return Verdict(name, "known", "on the list of trusted types; its state is checked, then holdfast rebuilds it", called)
        if name in lists.values:
            return Verdict(name, "known", "on the list; held as a value", called)
    if name in NEVER or top in _DANGEROUS:
        return Verdict(name, "dangerous", f"{_WHY.get(top, 'reaches the system')}; no genuine model needs it", called)
    if called:
        return Verdict(name, "unknown", "not on the list; the file would make one or call it", called)
    return Verdict(name, "unknown", "not on the list; only named", called)


def _has_rule(top: str, name: str) -> bool:
    module = RULES.get(top)
    return module is not None and name in importlib.import_module(module).RULES
