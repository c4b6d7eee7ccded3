"""Confining the running process, for good: no network, no programs, nothing writable, bounded memory and time.

On Linux by the kernel: resource limits, no new privileges, Landlock where it is there, and a seccomp filter that answers calls
outside of what computing needs with an error. Sources: the manual pages seccomp(2), landlock(7), setrlimit(2), and the kernel's
tables of system calls for x86-64 and 64-bit ARM.

The one rule: it is called before anything of a stranger is looked at, and cannot be undone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from typing import Any

_X86 = {
    "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "bind": 49, "listen": 50, "socketpair": 53, "accept4": 288, "sendmmsg": 307, "recvmmsg": 299,
    "execve": 59, "execveat": 322, "fork": 57, "vfork": 58, "clone3": 435, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
    "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129, "pidfd_open": 434, "pidfd_send_signal": 424, "pidfd_getfd": 438,
    "rename": 82, "renameat": 264, "renameat2": 316, "mkdir": 83, "mkdirat": 258, "rmdir": 84, "unlink": 87, "unlinkat": 263, "link": 86, "linkat": 265,
    "symlink": 88, "symlinkat": 266, "mknod": 133, "mknodat": 259, "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93, "lchown": 94, "fchownat": 260,
    "truncate": 76, "creat": 85, "utimensat": 280, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "mount": 165, "umount2": 166, "chroot": 161, "pivot_root": 155,
    "unshare": 272, "setns": 308, "bpf": 321, "io_uring_setup": 425, "userfaultfd": 323, "perf_event_open": 298, "keyctl": 250, "add_key": 248, "request_key": 249,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "reboot": 169, "swapon": 167, "setuid": 105, "setgid": 106, "open_by_handle_at": 304,
    "shmget": 29, "shmat": 30, "msgget": 68, "semget": 64, "mq_open": 240, "memfd_secret": 447,
}  # fmt: skip
_ARM = {
    "socket": 198, "connect": 203, "accept": 202, "sendto": 206, "bind": 200, "listen": 201, "socketpair": 199, "accept4": 242, "sendmmsg": 269, "recvmmsg": 243,
    "execve": 221, "execveat": 281, "clone3": 435, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271,
    "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "pidfd_open": 434, "pidfd_send_signal": 424, "pidfd_getfd": 438,
    "renameat": 38, "renameat2": 276, "mkdirat": 34, "unlinkat": 35, "linkat": 37, "symlinkat": 36, "mknodat": 33, "fchmod": 52, "fchmodat": 53, "fchown": 55, "fchownat": 54,
    "truncate": 45, "utimensat": 88, "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "mount": 40, "umount2": 39, "chroot": 51, "pivot_root": 41,
    "unshare": 97, "setns": 268, "bpf": 280, "io_uring_setup": 425, "userfaultfd": 282, "perf_event_open": 241, "keyctl": 219, "add_key": 217, "request_key": 218,
    "init_module": 105, "finit_module": 273, "delete_module": 106, "kexec_load": 104, "reboot": 142, "swapon": 224, "setuid": 146, "setgid": 144, "open_by_handle_at": 265,
    "shmget": 194, "shmat": 196, "msgget": 186, "semget": 190, "mq_open": 180, "memfd_secret": 447,
}  # fmt: skip
_MACHINES: dict[str, tuple[int, dict[str, int], dict[str, int]]] = {
    "x86_64": (0xC000003E, _X86, {"clone": 56, "open": 2, "openat": 257, "openat2": 437, "prctl": 157}),
    "aarch64": (0xC00000B7, _ARM, {"clone": 220, "openat": 56, "openat2": 437, "prctl": 167}),
}
"""Machine -> (its number for the kernel, the calls that are answered with an error, the calls whose arguments are looked at)."""

_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_X32 = 0x40000000


class Unconfined(RuntimeError):
    """The system cannot do what was asked for."""


def confine(memory: int, seconds: int, written: int) -> dict[str, Any]:
    """Confine this process, and all that it may ever start.

    Args:
        memory: bytes of address space beyond what is in use now.
        seconds: seconds of processor time.
        written: bytes of the largest file that may be written.

    Returns:
        What was reached: name of the measure -> how, or None where the system does not have it.

    Raises:
        Unconfined: the process could not be kept from network and files, which nobody may go on from.
    """
    reached: dict[str, Any] = {"limits": _limits(memory, seconds, written)}
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise Unconfined(f"this system ({sys.platform}, {platform.machine()}) has no way for holdfast to keep a process off the network and the files")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        raise Unconfined("the system does not let a process give up new privileges")
    reached["no_new_privileges"] = True
    reached["landlock"] = _landlock(libc)
    _seccomp(libc, files=reached["landlock"] is None)
    reached["seccomp"] = "no network, no programs" + (", no files opened for writing" if reached["landlock"] is None else "")
    return reached


def _limits(memory: int, seconds: int, written: int) -> dict[str, int]:
    import resource

    used = _address_space()
    wanted = {
        "RLIMIT_AS": used + memory, "RLIMIT_CPU": seconds, "RLIMIT_FSIZE": written, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 256, "RLIMIT_MEMLOCK": 0,
    }  # fmt: skip
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            # the processor's time first gives a signal that says what it was
            resource.setrlimit(kind, (value, value + 2 if name == "RLIMIT_CPU" and hard == resource.RLIM_INFINITY else value))
    return wanted


def _address_space() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _landlock(libc: Any) -> int | None:
    """Forbid every change of files by Landlock: a ruleset that handles the rights to write, and grants none."""
    abi = libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if abi < 1:
        return None
    writes = 0
    for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12):  # write a file, remove, make of every kind
        writes |= 1 << bit
    if abi >= 2:
        writes |= 1 << 13  # move between folders
    if abi >= 3:
        writes |= 1 << 14  # truncate
    net = 3 if abi >= 4 else 0  # bind and connect
    attributes = struct.pack("<QQ", writes, net) if abi >= 4 else struct.pack("<Q", writes)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    ruleset = libc.syscall(444, buffer, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return None
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)  # libraries open it for output that nobody wants
    rule = ctypes.create_string_buffer(struct.pack("<Qi", 1 << 1, nothing), 12)
    libc.syscall(445, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    os.close(nothing)
    failed = libc.syscall(446, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
    return None if failed else int(abi)


def _seccomp(libc: Any, files: bool) -> None:
    """Install the filter: forbidden calls give an error, so that a library which only tries one goes on.

    Args:
        libc: the C library.
        files: forbid to open any file for writing, which Landlock does better where it is there.
    """
    number, forbidden, looked_at = _MACHINES[platform.machine()]
    program = [
        _statement(0x20, 4),  # the machine
        _jump(0x15, number, 1, 0),
        _statement(0x06, _KILL),
        _statement(0x20, 0),  # the call
    ]
    if platform.machine() == "x86_64":
        program += [_jump(0x35, _X32, 0, 1), _statement(0x06, _KILL)]
    for name, call in forbidden.items():
        code = errno.ENOSYS if name in ("clone3", "openat2") else errno.EACCES
        program += [_jump(0x15, call, 0, 1), _statement(0x06, _ERROR | code)]
    program += [_jump(0x15, looked_at["openat2"], 0, 1), _statement(0x06, _ERROR | errno.ENOSYS)]
    # a new thread is allowed, a new process is not
    program += [_jump(0x15, looked_at["clone"], 0, 4), _statement(0x20, 16), _jump(0x45, _CLONE_THREAD, 1, 0), _statement(0x06, _ERROR | errno.EACCES), _statement(0x06, _ALLOW)]
    for name, argument in (("open", 1), ("openat", 2)):
        if files and name in looked_at:
            program += [
                _jump(0x15, looked_at[name], 0, 4), _statement(0x20, 16 + 8 * argument), _jump(0x45, _WRITING, 0, 1),
                _statement(0x06, _ERROR | errno.EACCES), _statement(0x06, _ALLOW),
            ]  # fmt: skip
    program.append(_statement(0x06, _ALLOW))
    compiled = b"".join(program)
    instructions = ctypes.create_string_buffer(compiled, len(compiled))
    header = ctypes.create_string_buffer(struct.pack("@HxxxxxxP", len(program), ctypes.addressof(instructions)))
    # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    if libc.prctl(22, 2, header, 0, 0):
        raise Unconfined(f"the kernel did not take the filter ({os.strerror(ctypes.get_errno())}); it may be built without seccomp")


def _statement(code: int, value: int) -> bytes:
    return struct.pack("<HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
