"""A pickle, read as data: a bounded machine that follows the opcodes and calls nothing.

Where pickle would import a name, this keeps the name; where it would call something, it keeps a `Made` with the name and
the arguments. What comes out is a graph of plain values and stand-ins. Sources: PEP 3154, PEP 574, and the description of
each opcode in CPython's ``Lib/pickletools.py``.

The one rule: every opcode takes time and memory in proportion to its own bytes, whatever the stream says.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any

from holdfast.errors import FormatError, HoldfastError, Truncated, quoted
from holdfast.foreign.at_once import NOW, OTHERWISE, SPELLING
from holdfast.foreign.made import HELD, HeldBytearray, Made, NameTable, kind_of
from holdfast.values import limits
from holdfast.values.outline import Members, Named, Pairs


class _Stop(Exception):
    pass


class Machine:
    """The state of one reading.

    Attributes:
        data: the stream, as bytes or a bytearray or a memoryview of unsigned bytes.
        view: the same as a memoryview.
        pos: offset of the next byte.
        names: what the stream names, by name; see `NameTable`.
        protocol: the highest protocol announced.
        after_build: name of a class -> what is done after an object of it got its state: it may put something else on the stack.
        persistent: makes the value of a persistent id, or None where there are none.
    """

    __slots__ = ("after_build", "data", "frame_end", "memo", "metastack", "names", "opcodes", "persistent", "pos", "protocol", "size", "stack", "view")

    def __init__(self, data: Any, pos: int = 0, names: NameTable | None = None, inner: bool = False) -> None:
        self.data = data
        self.view = memoryview(data)
        self.size = len(data)
        self.pos = pos
        self.names = NameTable() if names is None else names
        if not inner:
            self.names.read += self.size
        self.protocol = 0
        self.stack: list[Any] = []
        self.metastack: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.frame_end = -1
        self.after_build: dict[str, Callable[[Machine, Made], None]] = {}
        self.persistent: Callable[[Any], Any] | None = None

    def run(self) -> Any:
        """Follow the stream from `pos` to its end, and return what it leaves.

        Raises:
            Truncated: the stream ends before its end mark.
            FormatError: it is no pickle, or one that does what no pickler writes.
        """
        data, table = self.data, TABLE
        start = self.pos
        try:
            while True:
                op = data[self.pos]
                self.pos += 1
                table[op](self)
        except _Stop:
            if len(self.stack) != 1 or self.metastack:
                raise FormatError(f"the pickle ends with {len(self.stack)} values on its stack; it is damaged or was altered") from None
            return self.stack.pop()
        except HoldfastError:
            raise
        except IndexError:
            if self.pos >= self.size:
                raise Truncated(f"the pickle ends at byte {self.size} without its end mark: truncated") from None
            raise self._odd(start, "it takes a value that is not there") from None
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError, struct.error, UnicodeError) as error:
            raise self._odd(start, f"{type(error).__name__}: {quoted(error)}") from None

    def _odd(self, start: int, why: str) -> FormatError:
        if self.pos - start <= 2:
            return FormatError("this is not a pickle")
        return FormatError(f"the pickle breaks at byte {self.pos}: {why}; it is damaged or was altered")

    def take(self, count: int) -> memoryview:
        """Return the next bytes.

        Raises:
            Truncated: there are fewer.
        """
        start = self.pos
        end = start + count
        if count < 0 or end > self.size:
            raise Truncated(f"the pickle announces {count} bytes at byte {start}, and the file ends at {self.size}: truncated")
        self.pos = end
        return self.view[start:end]

    def line(self) -> bytes:
        """Return the bytes up to the next line feed.

        Raises:
            Truncated: there is none.
        """
        chunk = 256
        start = self.pos
        while True:
            found = bytes(self.view[start : start + chunk]).find(b"\n")
            if found >= 0:
                self.pos = start + found + 1
                return bytes(self.view[start : start + found])
            if start + chunk >= self.size:
                raise Truncated(f"the pickle ends at byte {self.size} in the middle of a line: truncated")
            chunk *= 4

    def pop_mark(self) -> list[Any]:
        """Return what lies above the last mark."""
        items = self.stack
        self.stack = self.metastack.pop()
        return items


# -- values ---------------------------------------------------------------------------------------------------------------


def _int(raw: bytes) -> int:
    return int(raw.decode("ascii"))


def _bytes(m: Machine, count: int) -> Any:
    part = m.take(count)
    return part if count >= HELD else bytes(part)


def _text(m: Machine, count: int) -> str:
    return str(m.take(count), "utf-8", "surrogatepass")


def _short_text(m: Machine) -> None:
    at = m.pos
    count = m.data[at]
    m.pos = at + 1
    m.stack.append(_text(m, count))


def _number(size: str) -> Callable[[Machine], int]:
    unpack = struct.Struct(size)
    width = unpack.size

    def read(m: Machine) -> int:
        return unpack.unpack(m.take(width))[0]  # type: ignore[no-any-return]

    return read


_u1, _u2, _u4, _u8, _i4 = map(_number, ("<B", "<H", "<I", "<Q", "<i"))


def _push(value: Any) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(value)


def _pushed(read: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(read(m))


def _sized(length: Callable[[Machine], int], read: Callable[[Machine, int], Any]) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(read(m, length(m)))


def _int_line(m: Machine) -> Any:
    raw = m.line()
    return raw == b"01" if raw in (b"00", b"01") else _int(raw)


def _long_line(m: Machine) -> int:
    return _int(m.line().removesuffix(b"L"))


def _long(m: Machine, count: int) -> int:
    if count > limits.INT_DIGITS // 2:
        raise FormatError(f"the pickle holds an integer of {count} bytes, more than {limits.INT_DIGITS // 2} (INT_DIGITS)")
    return int.from_bytes(m.take(count), "little", signed=True)


def _old_text(raw: bytes) -> str:
    # what Python 2 called a string is text here when it is ASCII, and otherwise keeps its bytes as the characters of that number
    return raw.decode("latin-1")


def _quoted_line(m: Machine) -> str:
    raw = m.line()
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise FormatError(f"the pickle holds a text without quotes before byte {m.pos}; it is damaged or was altered")
    return _old_text(codecs.escape_decode(raw[1:-1])[0])  # type: ignore[arg-type]


def _bytearray(m: Machine, count: int) -> Any:
    return bytearray(m.take(count)) if count < HELD else HeldBytearray(m.take(count))


# -- containers -----------------------------------------------------------------------------------------------------------


def _mark(m: Machine) -> None:
    m.metastack.append(m.stack)
    m.stack = []


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_mark()


def _tuple(m: Machine) -> None:
    items = tuple(m.pop_mark())
    m.stack.append(items)


def _tuple_of(count: int) -> Callable[[Machine], None]:
    def make(m: Machine) -> None:
        stack = m.stack
        if len(stack) < count:
            raise IndexError
        stack[-count:] = [tuple(stack[-count:])]

    return make


def _list(m: Machine) -> None:
    items = m.pop_mark()
    m.stack.append(items)


def _append(m: Machine) -> None:
    item = m.stack.pop()
    _extend(m.stack[-1], [item])


def _appends(m: Machine) -> None:
    items = m.pop_mark()
    _extend(m.stack[-1], items)


def _extend(target: Any, items: list[Any]) -> None:
    if type(target) is list:
        target += items
    elif type(target) is Made:
        target.items += items
    else:
        raise TypeError(f"items are put into a {type(target).__name__}")


def _dict(m: Machine) -> None:
    items = m.pop_mark()
    made = Pairs()
    _update(made, items)
    m.stack.append(made)


def _set_item(m: Machine) -> None:
    value = m.stack.pop()
    key = m.stack.pop()
    _update(m.stack[-1], [key, value])


def _set_items(m: Machine) -> None:
    items = m.pop_mark()
    _update(m.stack[-1], items)


def _update(target: Any, items: list[Any]) -> None:
    if len(items) % 2:
        raise ValueError("a dict is given a key without a value")
    if type(target) is Made:
        target = target.pairs
    if type(target) is not Pairs:
        raise TypeError(f"keys are put into a {type(target).__name__}")
    target.keys += items[::2]
    target.values += items[1::2]


def _add_items(m: Machine) -> None:
    items = m.pop_mark()
    target = m.stack[-1]
    if type(target) is Made or (type(target) is Members and not target.frozen):
        target.items += items
    else:
        raise TypeError(f"items are added to a {type(target).__name__}")


def _frozen_set(m: Machine) -> None:
    items = m.pop_mark()
    m.stack.append(Members(items, True))


# -- the memo -------------------------------------------------------------------------------------------------------------


def _memoize(m: Machine) -> None:
    memo = m.memo
    memo[len(memo)] = m.stack[-1]


def _put(read: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def put(m: Machine) -> None:
        index = read(m)
        if index < 0:
            raise ValueError("a negative place in the memo")
        m.memo[index] = m.stack[-1]

    return put


def _get(read: Callable[[Machine], int]) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(m.memo[read(m)])


def _short_get(m: Machine) -> None:
    at = m.pos
    m.pos = at + 1
    m.stack.append(m.memo[m.data[at]])


def _line_number(m: Machine) -> int:
    return _int(m.line())


# -- names and objects ----------------------------------------------------------------------------------------------------


def _global(m: Machine) -> None:
    at = m.pos - 1
    module, name = m.line().decode("utf-8"), m.line().decode("utf-8")
    m.stack.append(m.names.named(module, name, at, m.protocol))


def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise FormatError(f"the pickle names something with a {type(name).__name__} at byte {m.pos}; it is damaged or was altered")
    m.stack.append(m.names.named(module, name, m.pos - 1, m.protocol))


def _call(m: Machine, callable_: Any, args: Any, how: str) -> None:
    if type(args) is not tuple:
        raise TypeError("arguments that are no tuple")
    if type(callable_) is not Named:
        # a result of a call that is called itself: kept as a call of something without a name
        inner = f"of {callable_.name}" if type(callable_) is Made else f"that is a {type(callable_).__name__}"
        callable_ = m.names.named("", f"<a result {inner}>"[: limits.TYPE_NAME_BYTES - 1], m.pos, 4)
    name = callable_.name
    now = NOW.get(name) if how == "reduce" else None
    made = None
    if now is not None:
        m.names.copies(args)
        made = now(args)
        if type(made) is Named:
            made = m.names.named("", made.name, m.pos, 4)
        elif made is None and name in OTHERWISE:
            name = m.names.named("", OTHERWISE[name], m.pos, 4).name
    if made is None or name not in SPELLING:
        m.names.called(name, m.pos)
    else:
        m.names.spelled.add(name)
    m.stack.append(Made(m.names, name, how, args) if made is None else made)


def _reduce(m: Machine) -> None:
    args = m.stack.pop()
    _call(m, m.stack.pop(), args, "reduce")


def _new_object(m: Machine) -> None:
    args = m.stack.pop()
    _call(m, m.stack.pop(), args, "new")


def _new_object_ex(m: Machine) -> None:
    options, args = m.stack.pop(), m.stack.pop()
    cls = m.stack.pop()
    if type(options) is not Pairs:
        raise TypeError("options that are no dict")
    _call(m, cls, args, "new")
    if options.keys:
        m.stack[-1].options = options


def _inst(m: Machine) -> None:
    at = m.pos - 1
    module, name = m.line().decode("utf-8"), m.line().decode("utf-8")
    args = tuple(m.pop_mark())
    _call(m, m.names.named(module, name, at, m.protocol), args, "new" if not args else "reduce")


def _obj(m: Machine) -> None:
    items = m.pop_mark()
    _call(m, items[0], tuple(items[1:]), "new" if len(items) == 1 else "reduce")


def _build(m: Machine) -> None:
    state = m.stack.pop()
    target = m.stack[-1]
    if type(target) is not Made:
        raise TypeError(f"a {type(target).__name__} is given a state")
    target.states.append(state)
    after = m.after_build.get(target.name)
    if after is not None:
        after(m, target)


def _extension(read: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def refuse(m: Machine) -> None:
        raise FormatError(f"the pickle asks for extension {read(m)} of a registry that only its writer had; save the model anew")

    return refuse


def _persistent(m: Machine, given: Any) -> None:
    if m.persistent is None:
        raise FormatError(f"the pickle refers to something outside the file (persistent id {quoted(given if type(given) in (str, int) else kind_of(given), 60)}) before byte {m.pos}")
    m.stack.append(m.persistent(given))


def _buffer(m: Machine) -> None:
    raise FormatError("the pickle keeps its arrays in buffers outside the file (protocol 5, out of band); pickle it without buffer_callback")


# -- the stream -----------------------------------------------------------------------------------------------------------


def _proto(m: Machine) -> None:
    number = _u1(m)
    if number > 5:
        raise FormatError(f"the pickle is of protocol {number}, and there are 0 to 5")
    m.protocol = max(m.protocol, number)


def _frame(m: Machine) -> None:
    length = _u8(m)
    if m.pos + length > m.size:
        raise Truncated(f"the frame at byte {m.pos - 9} of the pickle announces {length} bytes, and the file ends at {m.size}: truncated")
    if m.pos - 9 < m.frame_end:
        raise FormatError(f"the frame at byte {m.pos - 9} of the pickle is inside another one; it is damaged or was altered")
    m.frame_end = m.pos + length


def _stop(m: Machine) -> None:
    raise _Stop


def _unknown(m: Machine) -> None:
    raise FormatError(f"byte {m.pos - 1} of the pickle is {m.data[m.pos - 1]:#04x}, which is no opcode; it is damaged, or is no pickle")


TABLE: list[Callable[[Machine], None]] = [_unknown] * 256
"""What each opcode does, by its byte."""

for _byte, _action in {
    b"(": _mark, b".": _stop, b"0": _pop, b"1": lambda m: (m.pop_mark(), None)[1], b"2": lambda m: m.stack.append(m.stack[-1]),
    b"F": _pushed(lambda m: float(m.line())), b"I": _pushed(_int_line), b"L": _pushed(_long_line), b"S": _pushed(_quoted_line),
    b"J": _pushed(_i4), b"K": _pushed(_u1), b"M": _pushed(_u2), b"N": _push(None), b"\x88": _push(True), b"\x89": _push(False),
    b"G": _pushed(_number(">d")), b"\x8a": _sized(_u1, _long), b"\x8b": _sized(_i4, _long),
    b"V": _pushed(lambda m: codecs.raw_unicode_escape_decode(m.line())[0]), b"X": _sized(_u4, _text), b"\x8c": _short_text, b"\x8d": _sized(_u8, _text),
    b"T": _sized(_i4, lambda m, n: _old_text(bytes(m.take(n)))), b"U": _sized(_u1, lambda m, n: _old_text(bytes(m.take(n)))),
    b"B": _sized(_u4, _bytes), b"C": _sized(_u1, _bytes), b"\x8e": _sized(_u8, _bytes), b"\x96": _sized(_u8, _bytearray),
    b")": _push(()), b"t": _tuple, b"\x85": _tuple_of(1), b"\x86": _tuple_of(2), b"\x87": _tuple_of(3),
    b"]": lambda m: m.stack.append([]), b"l": _list, b"a": _append, b"e": _appends,
    b"}": lambda m: m.stack.append(Pairs()), b"d": _dict, b"s": _set_item, b"u": _set_items,
    b"\x8f": lambda m: m.stack.append(Members([], False)), b"\x90": _add_items, b"\x91": _frozen_set,
    b"p": _put(_line_number), b"q": _put(_u1), b"r": _put(_u4), b"\x94": _memoize, b"g": _get(_line_number), b"h": _short_get, b"j": _get(_u4),
    b"c": _global, b"\x93": _stack_global, b"R": _reduce, b"\x81": _new_object, b"\x92": _new_object_ex, b"i": _inst, b"o": _obj, b"b": _build,
    b"\x82": _extension(_u1), b"\x83": _extension(_u2), b"\x84": _extension(_i4),
    b"P": lambda m: _persistent(m, m.line().decode("ascii")), b"Q": lambda m: _persistent(m, m.stack.pop()),
    b"\x80": _proto, b"\x95": _frame, b"\x97": _buffer, b"\x98": _buffer,
}.items():  # fmt: skip
    TABLE[_byte[0]] = _action
