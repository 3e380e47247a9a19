"""What a container is to volumes: an overlay mount in namespaces of its own, and file operations in it.

`Container` runs `child` below, under unshare(1), and talks JSON lines with it.
"""

# ruff: noqa: PTH101, PTH103, PTH108, PTH113, PTH114, PTH118, PTH120, PTH123, PTH208, PTH211
# (the child makes the very calls that users' code makes)

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from homeport.runtime import requests
from homeport.runtime.engine import VolumeAttachment
from homeport.runtime.inside import copies


class Container:
    """Mounts one attachment at a time; usable as an ordinary user and as root."""

    def __init__(self, mount_point: Path, attachment: VolumeAttachment) -> None:
        mount_point.mkdir(exist_ok=True)
        self._mount_point = mount_point
        command = [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            sys.executable,
            __file__,
            str(mount_point),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.mount(attachment)

    def mount(self, attachment: VolumeAttachment) -> None:
        lowers = ":".join(str(path) for path in attachment.lowers)
        options = f"userxattr,lowerdir={lowers}"
        if attachment.upper is not None:
            options += f",upperdir={attachment.upper},workdir={attachment.work}"
        self("mount", options)

    def remount(self, attachment: VolumeAttachment) -> None:
        self.mount(attachment)

    def __call__(self, operation: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([operation, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise OSError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


class CopyContainer(Container):
    """The same for a runtime without overlays: the container works in a copy."""

    def mount(self, attachment: VolumeAttachment) -> None:
        volume = self._volume(attachment)
        copies.fill(volume)
        self("enter", volume["upper"])

    def remount(self, attachment: VolumeAttachment) -> None:
        volume = self._volume(attachment)
        copies.prepare(volume)
        copies.swap(volume["upper"])
        if attachment.upper is None:
            shutil.rmtree(volume["upper"] + ".old")
        self("enter", volume["upper"])

    def _volume(self, attachment: VolumeAttachment) -> dict[str, Any]:
        volume = requests.volume(attachment)
        if attachment.upper is None:
            volume["upper"] = str(self._mount_point / "copy")
        return volume


class _Child:
    def __init__(self, root: str) -> None:
        self.root = root
        self.is_mounted = False

    def mount(self, options: str) -> None:
        os.chdir("/")
        if self.is_mounted:
            subprocess.run(["umount", self.root], check=True)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        self.is_mounted = True
        os.chdir(self.root)

    def enter(self, folder: str) -> None:
        os.chdir(folder)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def append(self, path: str, text: str) -> None:
        with open(path, "a") as file:
            file.write(text)

    def sparse(self, path: str, size: int) -> None:
        with open(path, "wb") as file:
            file.truncate(size)
            file.seek(size // 2)
            file.write(b"x")

    def read(self, path: str) -> str:
        with open(path) as file:
            return file.read()

    def files(self) -> dict[str, str]:
        found = {}
        for folder, _, names in os.walk("."):
            for name in names:
                path = os.path.join(folder, name)
                os.lstat(path)  # a whiteout above nothing would be listed, and not be there
                if os.path.isfile(path) and not os.path.islink(path):
                    found[os.path.relpath(path, ".")] = self.read(path)
        return found

    def remove(self, path: str) -> None:
        os.unlink(path)

    def remove_tree(self, path: str) -> None:
        shutil.rmtree(path)

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)

    def rename(self, old: str, new: str) -> None:
        os.makedirs(os.path.dirname(new) or ".", exist_ok=True)
        shutil.move(old, new)

    def symlink(self, target: str, path: str) -> None:
        os.symlink(target, path)

    def link(self, old: str, new: str) -> None:
        os.link(old, new)

    def fifo(self, path: str) -> None:
        os.mkfifo(path)

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(path, mode)

    def stat(self, path: str) -> list[int]:
        found = os.lstat(path)
        return [found.st_mode, found.st_size, found.st_nlink, found.st_ino, found.st_mtime_ns]

    def listdir(self, path: str) -> list[str]:
        return sorted(os.listdir(path))


def child() -> None:
    served = _Child(sys.argv[1])
    for line in sys.stdin:
        operation, *arguments = json.loads(line)
        try:
            answer = {"result": getattr(served, operation)(*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    child()
