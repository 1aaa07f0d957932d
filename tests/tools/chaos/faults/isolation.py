"""A private network and private mounts, for cutting nodes off and for small disks.

Linux lets a process leave its network and mount namespaces for new ones. All changes in them
disappear with their last process, however the run ends, and no other process ever sees them.
"""

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_IP_SECONDS = 5
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# The kernel's first rule, "lookup local", moves behind ours.
_LOCAL_PREFERENCE, _CUT_PREFERENCE, _CUT_TABLE = "10", "5", "77"
# Packets that must be lost go here: one end of a cable whose other end nobody reads.
_NOWHERE = "nowhere"
_SENT_PACKETS = 9
"""The column of /proc/net/dev."""


class IsolationError(Exception):
    """The machine does not allow something; the message says what."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """The possible isolations; none if the run shares the machine's network."""

    cut: bool = False
    small_disk: bool = False
    reason: str = ""
    """Why something is not possible."""

    def cut_off(self, address: str, user: int) -> None:
        """Drop every packet to or from *address*, or sent by a process of *user*, from now on.

        *user* is needed because packets from a server to others do not have its address as their
        source.
        """
        for selector in _selectors(address, user):
            _ip("rule", "add", *selector)

    def rejoin(self, address: str, user: int) -> None:
        """Undo ``cut_off``; without effect where it was not done."""
        for selector in _selectors(address, user):
            _ip("rule", "del", *selector, check=False)

    def split(self, user: int, addresses: Iterable[str]) -> None:
        """Drop every packet of a process of *user* to one of *addresses*, from now on."""
        for address in addresses:
            _ip("rule", "add", *_split_selector(user, address))

    def unite(self, user: int, addresses: Iterable[str]) -> None:
        """Undo ``split``; without effect where it was not done."""
        for address in addresses:
            _ip("rule", "del", *_split_selector(user, address), check=False)

    def mount_small(self, folder: Path, size_bytes: int) -> None:
        """Mount a file system of *size_bytes*, in memory, on *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        options = f"size={size_bytes},mode=0777".encode()
        _call("mount", b"catchall", os.fsencode(folder), b"tmpfs", 0, options)

    def unmount(self, folder: Path) -> None:
        """Unmount the file system of ``mount_small`` from *folder*."""
        _call("umount2", os.fsencode(folder), _MNT_DETACH)


def lost_packets() -> int:
    """Return the number of packets that were dropped so far, in all cuts and splits."""
    for line in Path("/proc/self/net/dev").read_text().splitlines():
        name, _, fields = line.partition(":")
        if name.strip() == _NOWHERE:
            return int(fields.split()[_SENT_PACKETS])
    return 0


def as_user(user: int, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs *arguments* as *user*, who may access every file like root.

    The change of user clears the setting that the process dies with its parent; the command sets it
    again.
    """
    return (
        *("setpriv", f"--reuid={user}", "--clear-groups", "--pdeathsig=KILL"),
        *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"),
        *arguments,
    )


def isolate() -> Isolation:
    """Move this process into namespaces of its own and return the possible isolations.

    Its network is then only a loopback interface. Call it before there are further threads: they
    would keep the old namespaces.
    """
    if threading.active_count() > 1:
        raise RuntimeError("isolate before other threads start")
    if shutil.which("ip", path=_PATH) is None:
        return Isolation(reason="there is no `ip` (iproute2)")
    root = os.geteuid() == 0
    try:
        _unshare(root=root)
        _set_up_network()
    except (IsolationError, OSError) as error:
        return Isolation(reason=str(error))
    if not root or shutil.which("setpriv", path=_PATH) is None:
        return Isolation(
            small_disk=True, reason="cutting nodes off needs root and `setpriv` (util-linux)"
        )
    return Isolation(cut=True, small_disk=True)


def _split_selector(user: int, address: str) -> tuple[str, ...]:
    who, where = ("uidrange", f"{user}-{user}"), ("to", address)
    return ("pref", _CUT_PREFERENCE, *who, *where, "lookup", _CUT_TABLE)


def _selectors(address: str, user: int) -> Iterator[tuple[str, ...]]:
    what = (("to", address), ("from", address), ("uidrange", f"{user}-{user}"))
    for selector in what:
        yield ("pref", _CUT_PREFERENCE, *selector, "lookup", _CUT_TABLE)


def _unshare(*, root: bool) -> None:
    """Leave the namespaces of network and mounts; without root, that of users first."""
    user, group = os.geteuid(), os.getegid()
    if root:
        _call("unshare", _CLONE_NEWNET | _CLONE_NEWNS)
    else:
        _call("unshare", _CLONE_NEWNET | _CLONE_NEWNS | _CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    # Otherwise our mounts would be visible on the machine.
    _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    # libfaketime leaves files there when its process is killed.
    _call("mount", b"catchall", b"/dev/shm", b"tmpfs", 0, b"size=16m,mode=1777")


def _set_up_network() -> None:
    _ip("link", "set", "lo", "up")
    _ip("link", "add", _NOWHERE, "type", "veth", "peer", "name", "unread")
    _ip("link", "set", _NOWHERE, "arp", "off", "up")
    _ip("link", "set", "unread", "up")
    # Without this, addresses of loopback may not leave by another interface.
    Path(f"/proc/sys/net/ipv4/conf/{_NOWHERE}/route_localnet").write_text("1")
    _ip("route", "add", "default", "dev", _NOWHERE, "table", _CUT_TABLE)
    _ip("rule", "add", "pref", _LOCAL_PREFERENCE, "lookup", "local")
    _ip("rule", "del", "pref", "0")


def _call(name: str, *arguments: bytes | int | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    function = getattr(libc, name)
    if name == "mount":
        text = ctypes.c_char_p
        function.argtypes = (text, text, text, ctypes.c_ulong, text)
    if function(*arguments) != 0:
        raise IsolationError(f"{name}: {os.strerror(ctypes.get_errno())}")


def _ip(*arguments: str, check: bool = True) -> None:
    done = subprocess.run(
        ("ip", *arguments),
        env={**os.environ, "PATH": _PATH},
        capture_output=True,
        text=True,
        timeout=_IP_SECONDS,
        check=False,
    )
    if check and done.returncode != 0:
        raise IsolationError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
