"""Where a version comes from: digests of its data, the state of its code, the version that it was made of.

The one rule: of data nothing is kept but its digest, which is the same in every process and on every machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.errors import EnvironmentMissing, NotFound, Unavailable, quoted
from holdfast.store.datadigest import data_digest
from holdfast.store.said import checked_key
from holdfast.values.digest import is_digest
from holdfast.values.reference import reference

if TYPE_CHECKING:
    from holdfast.store.store import Store
    from holdfast.store.version import Version

GIT_SECONDS = 20
"""How long git may take for one question."""
ANCESTORS = 100
"""Versions that are followed back."""

__all__ = ["ancestors", "code_state", "data_digest", "data_digests", "git_state", "parent_text"]


def data_digests(data: Mapping[str, Any] | None) -> dict[str, str]:
    """Return name -> digest of the data that a model was made with.

    Args:
        data: name -> an array, a frame, a path, bytes, or a digest that somebody has taken before.

    Raises:
        TypeError: a name is no text, or something is no data; says what to give.
        ValueError: a name is empty, too long, or holds what cannot be seen.
        NotFound: there is no such file.

    Examples:
        >>> data_digests({"train": b"a,b\\n1,2\\n"})["train"][:15]
        'blake3:c42223f1'
    """
    if data is not None and not isinstance(data, Mapping):
        raise TypeError(f"data is a mapping such as {{'train': X}}, and not {type(data).__name__}")
    found = {}
    for name, one in (data or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"data is name -> data, and {quoted(repr(name), 80)} is no name")
        found[checked_key(name, "data set")] = one if is_digest(one) else data_digest(one)
    return found


def code_state(code: Mapping[str, Any] | str | os.PathLike[str] | None) -> dict[str, Any]:
    """Return what is kept of the code that made a model.

    Args:
        code: text -> text, number, truth or None, as it is kept; or a folder under git, for its commit.

    Raises:
        TypeError: it is neither.
        NotFound, EnvironmentMissing, Unavailable: see `git_state`.
    """
    if code is None:
        return {}
    if isinstance(code, str | os.PathLike):
        return git_state(code)
    if not isinstance(code, Mapping):
        raise TypeError(f"code is a mapping such as {{'commit': ...}}, or the folder of a git repository, and not {type(code).__name__}")
    for key, value in code.items():
        if not isinstance(key, str) or not (value is None or isinstance(value, str | int | float | bool)):
            raise TypeError(f"code is text -> text, number, truth or None: {quoted(repr(key), 60)}={quoted(repr(value), 80)}")
    return dict(code)


def git_state(folder: str | os.PathLike[str] = ".") -> dict[str, Any]:
    """Return the commit that a folder under git is at, and whether what lies there is another state.

    Args:
        folder: any folder of the repository; the whole repository counts.

    Returns:
        ``commit``, and ``dirty``: whether files were changed, or are there that git neither knows nor ignores.

    Raises:
        NotFound: there is no such folder, it is no repository, or it has no commit yet.
        EnvironmentMissing: git is not installed.
        Unavailable: git does not answer, or refuses.
    """
    where = os.fspath(folder)
    if not os.path.isdir(where):
        raise NotFound("there is no such folder", file=where)
    try:
        commit = _git(where, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except NotFound:
        raise NotFound("this folder is in no git repository, or in one without a commit; give code={'commit': ...} instead", file=where) from None
    return {"commit": commit.strip(), "dirty": bool(_git(where, "status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"))}


def _git(folder: str, *arguments: str) -> str:
    # a monitor of files is a program that the repository names, and no variable may point at another repository
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", folder, *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, env=environment, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        raise EnvironmentMissing("git is not installed; install it, or give code={'commit': ...} instead", file=folder) from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"git did not answer within {GIT_SECONDS} s; give code={{'commit': ...}} instead", file=folder) from None
    except OSError as error:
        raise Unavailable(f"git cannot be run: {error.strerror}", file=folder) from None
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode and (not said or "not a git repository" in said):
        raise NotFound("this is no git repository", file=folder)
    if done.returncode:
        raise Unavailable(f"git refused: {quoted(said, 300)}", file=folder)
    return done.stdout.decode("utf-8", "replace")


def parent_text(store: Store, parent: Any) -> str | None:
    """Return what is kept of what a version was made of: an alias becomes the version that it points at now, since it moves.

    Args:
        store: where an alias is looked up.
        parent: a version, what `holdfast.save` returned, a reference, an artifact id, or a line of text.

    Raises:
        NotFound: there is no such alias.
        TypeError: it is none of these.
    """
    if parent is None:
        return None
    if not isinstance(parent, str):
        id_ = getattr(parent, "id", None)
        if not is_digest(id_) and not is_digest(getattr(parent, "artifact", None)):
            raise TypeError(f"a parent is a version, what holdfast.save returned, a reference, an artifact id, or a line of text, and not {type(parent).__name__}")
        return id_ if is_digest(id_) else str(parent)
    try:
        wanted = reference(parent)
    except ValueError:
        return parent
    return parent if wanted.alias is None else str(store.find(parent))


def ancestors(store: Store, version: Version) -> list[Version | str]:
    """Return what a version was made of, and that in turn; the last is text where the store does not know it.

    Args:
        store: where they are looked for.
        version: where to begin.
    """
    found: list[Version | str] = []
    seen = {str(version)}
    while (parent := version.parent) is not None and len(found) < ANCESTORS:
        try:
            if reference(parent).number is None or parent in seen:
                return [*found, parent]
            version = store.find(parent)
        except (ValueError, NotFound):
            return [*found, parent]
        seen.add(str(version))
        found.append(version)
    return found
