"""The whole error tree of holdfast; every error a user can meet is one of these.

    HoldfastError
    |-- FormatError (ValueError)          the bytes are not what they should be
    |   |-- Truncated                     the file ends too early
    |   |-- Corrupt                       a digest or an inner relation does not hold
    |   |-- UnsupportedVersion            written by a newer holdfast
    |   `-- LimitExceeded                 larger or deeper than a named limit
    |-- TrustError                        the file may be whole, but it is not allowed
    |   |-- UntrustedType                 a type or function that is not on the list
    |   |-- InvalidState                  a trusted type whose state cannot be genuine
    |   |-- SignatureRefused
    |   `-- PolicyRefused
    |-- AdapterError                      between a model and its tree
    |   |-- UnsupportedModel (TypeError)  this object cannot be saved
    |   |-- LibraryMissing (ImportError)  the library of a type is not installed
    |   `-- VersionMismatch               the library is there in a version that will not do
    |-- StoreError
    |   |-- NotFound (LookupError)
    |   |-- AlreadyExists
    |   |-- Conflict
    |   |-- Unavailable (OSError)
    |   `-- NoSpace (OSError)
    |-- IsolationError
    |   |-- WorkerCrashed
    |   `-- WorkerTimedOut (TimeoutError)
    |-- EnvironmentMissing                Java, a driver, a runtime
    |-- ProofFailed                       the model came back, and answers differently
    |-- ExportError
    |   |-- UnsupportedTarget
    |   `-- UnsupportedOperation
    |-- InvalidExpression (ValueError)    a text that is not of the language of `expression`
    |-- InvalidQuery (ValueError)         a text that is not of the language of `Store.search`
    `-- DecryptError

The one rule: an error says what file, where in it, why, and what to do next. ``exit_code`` is what the
command line ends with when the error reaches it.
"""

from __future__ import annotations

__all__ = [
    "AdapterError",
    "AlreadyExists",
    "Conflict",
    "Corrupt",
    "DecryptError",
    "EnvironmentMissing",
    "ExportError",
    "FormatError",
    "HoldfastError",
    "HoldfastWarning",
    "InvalidExpression",
    "InvalidQuery",
    "InvalidState",
    "IsolationError",
    "LibraryMissing",
    "LimitExceeded",
    "NoSpace",
    "NotFound",
    "PolicyRefused",
    "ProofFailed",
    "SignatureRefused",
    "StoreError",
    "Truncated",
    "TrustError",
    "Unavailable",
    "UnsupportedModel",
    "UnsupportedOperation",
    "UnsupportedTarget",
    "UnsupportedVersion",
    "UntrustedType",
    "VersionMismatch",
    "WorkerCrashed",
    "WorkerTimedOut",
]

_CONTROL = {i: f"\\x{i:02x}" for i in (*range(32), *range(127, 160))}
_CONTROL[0x061C] = "\\u061c"
_CONTROL.update({i: f"\\u{i:04x}" for i in (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A))})
_LONGEST_QUOTE = 120


def quoted(text: object, limit: int = _LONGEST_QUOTE) -> str:
    """Return text from a file so that it can be shown: bounded, control and direction characters escaped."""
    shown = str(text)
    if len(shown) <= limit and shown.isascii() and shown.isprintable():
        return shown
    shown = shown.translate(_CONTROL).encode("utf-8", "backslashreplace").decode()
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def pointed(text: str, begin: int, end: int, why: str, more: str = "") -> str:
    """Return a message with the part of a text that it is about underlined, and what is allowed below.

    >>> print(pointed("x0 + y(1)", 5, 6, "there is no function 'y'"))
    there is no function 'y':
        x0 + y(1)
             ^
    """
    first, last = max(0, begin - 60), min(len(text), max(end, begin + 1) + 40)
    shown = "".join(one if one.isprintable() else "�" for one in text[first:last])
    # no sign of direction or without width is printable, so that what is underlined is what is meant
    line = f"{'…' if first else ''}{shown}{'…' if last < len(text) else ''}"
    marks = " " * (begin - first + bool(first)) + "^" * max(1, min(end, last) - begin)
    return f"{why}:\n    {line}\n    {marks}" + (f"\n{more}" if more else "")


class HoldfastError(Exception):
    """The root: catch it to catch everything that holdfast raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, file: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file

    def __str__(self) -> str:
        return self.message if self.file is None else f"{quoted(self.file, 400)}: {self.message}"

    def at(self, file: str | None) -> HoldfastError:
        """Return this error with the file's name, unless it already carries one."""
        if self.file is None:
            self.file = file
        return self


class HoldfastWarning(UserWarning):
    """Something the user should know about a save or a load that went through."""


class FormatError(HoldfastError, ValueError):
    """The bytes are not a file that holdfast can read."""

    exit_code = 6


class Truncated(FormatError):
    """The file ends before what it announces."""


class Corrupt(FormatError):
    """A digest, or a relation that the writer always keeps, does not hold."""


class UnsupportedVersion(FormatError):
    """The file needs a newer holdfast."""

    exit_code = 5


class LimitExceeded(FormatError):
    """A named limit is passed; nothing was allocated for it."""

    exit_code = 4


class TrustError(HoldfastError):
    """The content is refused for safety; nothing was loaded and nothing was run."""

    exit_code = 4


class UntrustedType(TrustError):
    """The model needs types or functions that are not on the trusted list."""

    def __init__(self, message: str, *, file: str | None = None, names: tuple[str, ...] = ()) -> None:
        super().__init__(message, file=file)
        self.names = names


class InvalidState(TrustError):
    """The state of a trusted type cannot come from a genuine model of it."""

    exit_code = 6


class SignatureRefused(TrustError):
    """A signature that the policy asks for is missing or does not hold."""


class PolicyRefused(TrustError):
    """The policy in force does not allow this."""


class AdapterError(HoldfastError):
    """A model could not be turned into a tree, or a tree into a model."""

    exit_code = 5


class UnsupportedModel(AdapterError, TypeError):
    """This object cannot be saved; the message names it and the path to it."""

    exit_code = 1


class LibraryMissing(AdapterError, ImportError):
    """A library that the model is made of is not installed; the message holds the install command."""


class VersionMismatch(AdapterError):
    """A library is installed in a version under which this model cannot be rebuilt."""


class StoreError(HoldfastError):
    """Reading or writing a place failed."""

    exit_code = 7


class NotFound(StoreError, LookupError):
    """There is nothing of that name."""

    exit_code = 3


class AlreadyExists(StoreError):
    """There is already something of that name."""


class Conflict(StoreError):
    """Somebody else changed it meanwhile."""


class Unavailable(StoreError, OSError):
    """The place cannot be read or written now.

    Attributes:
        passing: whether the fault may be gone at the next try, as with a connection that broke.
    """

    def __init__(self, message: str, *, file: str | None = None, passing: bool = False) -> None:
        super().__init__(message, file=file)
        self.passing = passing

    def __str__(self) -> str:
        return HoldfastError.__str__(self)


class NoSpace(StoreError, OSError):
    """The disk or the quota is full; nothing was left behind."""

    def __str__(self) -> str:
        return HoldfastError.__str__(self)


class IsolationError(HoldfastError):
    """The child process did not do its work."""

    exit_code = 7


class WorkerCrashed(IsolationError):
    """The child died."""


class WorkerTimedOut(IsolationError, TimeoutError):
    """The child took too long and was ended."""


class EnvironmentMissing(HoldfastError):
    """A program or runtime is not there; the message holds the command that installs it."""

    exit_code = 5


class ProofFailed(HoldfastError):
    """The model was rebuilt or translated, and does not answer as it did.

    Attributes:
        proof: the record of asking it, where there is one.
    """

    def __init__(self, message: str, *, file: str | None = None, proof: object = None) -> None:
        super().__init__(message, file=file)
        self.proof = proof


class ExportError(HoldfastError):
    """An export could not be made."""


class UnsupportedTarget(ExportError):
    """There is no export of this kind."""


class UnsupportedOperation(ExportError):
    """The target cannot express a part of this model."""


class InvalidExpression(HoldfastError, ValueError):
    """A text is not an expression, or does not fit the columns it is given; shows where, and says what is allowed.

    Attributes:
        text: the whole expression.
        place: number of the character where it goes wrong, from 0.
    """

    def __init__(self, message: str, *, file: str | None = None, text: str = "", place: int = 0) -> None:
        super().__init__(message, file=file)
        self.text = text
        self.place = place


class InvalidQuery(HoldfastError, ValueError):
    """A text is not a question that `Store.search` knows; shows where, and says what is allowed.

    Attributes:
        text: the whole text.
        place: number of the character where it goes wrong, from 0.
    """

    exit_code = 2

    def __init__(self, message: str, *, file: str | None = None, text: str = "", place: int = 0) -> None:
        super().__init__(message, file=file)
        self.text = text
        self.place = place


class DecryptError(HoldfastError):
    """The bytes could not be decrypted."""

    exit_code = 4
