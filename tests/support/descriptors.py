"""Looking at a child's end of a connection through the kernel (Linux)."""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

import pytest

_PIDFD_GETFD = 438
"""Number of the system call, the same on all architectures."""


def borrow_peer(pid: int, ours: socket.socket) -> socket.socket | None:
    """A duplicate of the child's socket at the other end of `ours`; None where the kernel gives none."""
    descriptor = _descriptor_of(pid, _inode_of_peer(ours))
    library = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        copy = library.syscall(_PIDFD_GETFD, process, descriptor, 0)
    finally:
        os.close(process)
    return None if copy < 0 else socket.socket(fileno=copy)


def count_descriptors(pid: int) -> int:
    """Open descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names only, nothing is stat'ed


def allow_descriptors(wanted: int) -> None:
    """Let this process and those that it starts have so many descriptors; skip where it may not."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this user may have {hard} descriptors, {wanted} are needed")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _inode_of_peer(ours: socket.socket) -> str:
    local, remote = ours.getsockname()[1], ours.getpeername()[1]
    table = "tcp6" if ours.family == socket.AF_INET6 else "tcp"
    for row in Path(f"/proc/net/{table}").read_text(encoding="ascii").split("\n")[1:]:
        cells = row.split()
        if len(cells) > 9 and cells[1].endswith(f":{remote:04X}") and cells[2].endswith(f":{local:04X}"):
            return cells[9]
    raise AssertionError("the other end of the connection is not listed")


def _descriptor_of(pid: int, inode: str) -> int:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(entry) == f"socket:[{inode}]":  # noqa: PTH115 - not a path
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError("the child holds no such socket")
