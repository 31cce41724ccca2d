"""Gives up root for a program that refuses to run as root, as Postgres does.

Root's own files may lie under directories that nobody else may enter (`/root`, a temporary directory). Where that is
so, the program keeps one capability, to pass such directories, and nothing else of root's. Needs Linux; elsewhere the
directories must be open to all.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import sys
from pathlib import Path

from stack.exceptions import MachineError

UNPRIVILEGED_USER = "nobody"

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 4
"""Without it, access(2) ignores the capabilities of anyone but root, and Postgres asks access(2) about its programs."""
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def owner() -> pwd.struct_passwd | None:
    """The user that takes root's place, or None when this process is not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError as error:
        raise MachineError(
            f"there is no user {UNPRIVILEGED_USER!r} to run Postgres as; run as an ordinary user"
        ) from error


def is_open_to_all(path: Path) -> bool:
    """Whether any user may pass every directory above `path`."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def give_up_root(*paths: Path) -> None:
    """Become the unprivileged user for good, still able to reach `paths`. Does nothing unless root.

    Raises:
        MachineError: the paths cannot be kept within reach.
    """
    user = owner()
    if user is None:
        return
    closed = [path for path in paths if not is_open_to_all(path)]
    capability = _capability_to_pass(closed[0]) if closed else None
    if capability is not None:
        _control(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if capability is not None:
        _keep_only(capability)


def _capability_to_pass(path: Path) -> int:
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="ascii")
        effective = int(status.split("CapEff:")[1].split()[0], 16)
        for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
            if effective & 1 << capability:
                return capability
    raise MachineError(
        f"Postgres does not run as root, and {UNPRIVILEGED_USER!r} may not reach {path}: set LAKE_HOME and LAKE_CACHE "
        "to directories that all may enter, or run as an ordinary user"
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _control(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc().prctl(option, *padded):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def _keep_only(capability: int) -> None:
    """Hold this capability alone, now and in the program that takes this process's place."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    data = (_CapabilityData * 2)(_CapabilityData(bit, bit, bit), _CapabilityData(0, 0, 0))
    if _libc().capset(ctypes.byref(header), ctypes.byref(data)):
        raise OSError(ctypes.get_errno(), "capset failed")
    _control(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
