"""The base tree: what a container's root needs between the image's layers and this machine's /usr.

It stands for `FROM python:3.X-slim-…`: programs and libraries are this machine's own, read-only, while
Python packages, /usr/local, /etc and everything outside /usr are the container's. Python itself is a layer of
its own (pythons.py). Mounting is left to the sandbox, and so are /dev, /proc, resolv.conf and hosts.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homeport.model.errors import FailedPreconditionError
from homeport.runtime.layers import LayerStore

_REVISION = 1  # part of the key: raise it when what this file makes changes

_FOLDERS = {
    "root": 0o700,
    "tmp": 0o1777,
    "home": 0o755,
    "mnt": 0o755,
    "opt": 0o755,
    "srv": 0o755,
    "media": 0o755,
    "run": 0o755,
    "run/lock": 0o1777,
    "proc": 0o555,
    "sys": 0o555,
    "dev": 0o755,
    "etc": 0o755,
    "var": 0o755,
    "var/cache": 0o755,
    "var/lib": 0o755,
    "var/log": 0o755,
    "var/opt": 0o755,
    "var/spool": 0o755,
    "var/tmp": 0o1777,
}
# Folders of /usr that belong to the container's root, so that a build step may put new files in them. What
# already lies in them stays this machine's and cannot be changed.
_USR_FOLDERS = ("", "bin", "sbin", "lib", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "include", "share")
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

# Configuration of programs and libraries under /usr. Never accounts, keys, schedules, identity.
_ETC = [
    "alternatives",
    "bash.bashrc",
    "bindresvport.blacklist",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "fonts",
    "gai.conf",
    "glvnd",
    "gss",
    "host.conf",
    "ImageMagick-6",
    "ImageMagick-7",
    "inputrc",
    "issue",
    "java",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "libaudit.conf",
    "locale.alias",
    "locale.gen",
    "login.defs",
    "lsb-release",
    "magic",
    "magic.mime",
    "mailcap",
    "mime.types",
    "mke2fs.conf",
    "netconfig",
    "networks",
    "OpenCL",
    "os-release",
    "perl",
    "profile",
    "profile.d",
    "protocols",
    "R",
    "rpc",
    "services",
    "sgml",
    "shells",
    "ssl",
    "terminfo",
    "vulkan",
    "wgetrc",
    "xattr.conf",
    "xml",
]

_LOCAL = ("/", "usr", "local")  # hidden from containers

_PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
kmem:x:15:
www-data:x:33:
staff:x:50:
users:x:100:
nogroup:x:65534:
"""
_NSSWITCH = """\
passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
"""


# they change when programs, libraries or certificates are installed on this machine
_MARKS = (
    "/etc/os-release",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ssl/certs/ca-certificates.crt",
)


def describe_userland() -> dict[str, str]:
    """ID, VERSION_ID, VERSION_CODENAME and the like of this machine, from os-release."""
    return read_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))


def read_os_release(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name] = value.strip().strip('"')
    return found


def base_key() -> str:
    """What the base tree depends on: this file's revision and this machine's userland."""
    marks = [f"base {_REVISION}"]
    for path in _MARKS:
        try:
            found = Path(path).stat()
            marks.append(f"{path} {found.st_size} {found.st_mtime_ns}")
        except FileNotFoundError:
            marks.append(f"{path} none")
    marks.extend(str(marker) for marker in _hidden_markers())
    return "\n".join(marks)


async def ensure_base_tree(store: LayerStore) -> Path:
    """The base tree, made in about a fifth of a second if it is not there."""

    async def fill(tree: Path) -> dict[str, Any]:
        await asyncio.to_thread(fill_base_tree, tree)
        userland = describe_userland()
        return {"kind": "base", "userland": userland.get("PRETTY_NAME", "Linux")}

    return await store.make(base_key(), fill)


def fill_base_tree(tree: Path) -> None:
    """Writes the base tree into an empty folder."""
    for name, mode in _FOLDERS.items():
        folder = tree / name
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    _link_merged_folders(tree)
    _fill_usr(tree / "usr")
    _fill_etc(tree / "etc")
    (tree / "var/run").symlink_to("/run")
    (tree / "var/lock").symlink_to("/run/lock")
    (tree / "root/.profile").write_text("# ~/.profile: executed by login shells.\n", encoding="utf-8")


def _link_merged_folders(tree: Path) -> None:
    for name in _MERGED:
        here = Path("/") / name
        if here.is_symlink():
            (tree / name).symlink_to(here.readlink())
        elif here.exists():
            raise FailedPreconditionError(
                f"/{name} of this machine is a folder, not a link into /usr: Homeport's base image needs a "
                "merged /usr, which Debian 12, Ubuntu 20.04 and later have. Install the usrmerge package."
            )


def _fill_usr(usr: Path) -> None:
    for name in _USR_FOLDERS:
        if (Path("/usr") / name).is_dir():
            (usr / name).mkdir(parents=True, exist_ok=True)
            (usr / name).chmod(0o755)
    local = usr / "local"
    local.mkdir()
    hide_below(local)
    for name in ("bin", "etc", "games", "include", "lib", "sbin", "share", "src"):
        (local / name).mkdir()
    (local / "man").symlink_to("share/man")
    packages = Path("/usr/lib/python3/dist-packages")
    if packages.is_dir():
        hidden = usr / "lib/python3/dist-packages"
        hidden.mkdir(parents=True)
        hide_below(hidden)
    for marker in _hidden_markers():
        target = usr / marker.relative_to("/usr")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(target, stat.S_IFCHR, os.makedev(0, 0))  # an overlay's whiteout: the file is not there


def hide_below(folder: Path) -> None:
    """Makes the folder opaque to an overlay mounted with userxattr: nothing of lower layers shows in it."""
    os.setxattr(folder, "user.overlay.opaque", b"y")


def _hidden_markers() -> Iterator[Path]:
    """Debian's notes that pip must not install: true of this machine, not of a container."""
    return iter(sorted(Path("/usr/lib").glob("python3*/EXTERNALLY-MANAGED")))


def _fill_etc(etc: Path) -> None:
    for name in _ETC:
        _copy_readable(Path("/etc") / name, etc / name)
    (etc / "passwd").write_text(_PASSWD, encoding="ascii")
    (etc / "group").write_text(_GROUP, encoding="ascii")
    (etc / "nsswitch.conf").write_text(_NSSWITCH, encoding="ascii")
    (etc / "environment").write_text("", encoding="ascii")
    (etc / "timezone").write_text("Etc/UTC\n", encoding="ascii")
    if Path("/usr/share/zoneinfo/Etc/UTC").exists():  # without it the C library means UTC anyway
        (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    (etc / "mtab").symlink_to("/proc/mounts")
    for name in ("opt", "skel", "default"):
        (etc / name).mkdir(exist_ok=True)
    shutil.rmtree(etc / "ssl/private", ignore_errors=True)


def _copy_readable(source: Path, target: Path) -> None:
    """Copies files, links and folders that everybody on this machine may read, and nothing else.

    A link out of /etc into a place that containers do not have is copied as the file that it names.
    """
    try:
        found = source.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        _copy_link(source, target)
    elif stat.S_ISDIR(found.st_mode):
        if found.st_mode & 0o005 != 0o005:
            return
        target.mkdir(exist_ok=True)
        target.chmod(0o755)
        for entry in source.iterdir():
            _copy_readable(entry, target / entry.name)
    elif stat.S_ISREG(found.st_mode) and found.st_mode & 0o004:
        shutil.copyfile(source, target)
        target.chmod(stat.S_IMODE(found.st_mode) & 0o755)


def _copy_link(source: Path, target: Path) -> None:
    try:
        real = source.resolve(strict=True)
    except (OSError, RuntimeError):
        real = source
    seen = real.parts[1] in ("usr", "etc", "bin", "lib", "sbin", "proc") and real.parts[:3] != _LOCAL
    if real.is_file() and not seen:
        _copy_readable(real, target)
    else:
        target.symlink_to(source.readlink())
