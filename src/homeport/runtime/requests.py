"""A container's specification as the processes that put it together read it: plain JSON values.

runtime/inside reads these dictionaries; nothing else does. Paths are this machine's own, absolute.
"""

from pathlib import Path
from typing import Any, Final

from homeport.model.home import Home
from homeport.runtime.engine import ContainerSpec, ImageView, Terminal, VolumeAttachment
from homeport.runtime.host_files import etc_files, mounts_below_usr
from homeport.runtime.identity import container_uid

HOSTNAME: Final = "modal"
# differ from container to container without mattering to an import, so a warm parent does without
_VARIABLES_OF_ONE_CONTAINER: Final = ("MODAL_TASK_ID", "MODAL_APP_ID", "MODAL_FUNCTION_ID")
_DRIVER_LIBRARIES: Final = Path("/usr/local/nvidia")


def shared_folders(home: Home) -> tuple[Path, ...]:
    """What the containers' uid may enter of HOMEPORT_HOME."""
    return home.layers, home.mounts, home.volumes, home.tasks, home.logs


def staged_folders(home: Home, trees: tuple[Path, ...]) -> list[str]:
    """What the processes that put a container together need: those folders, and trees that lie elsewhere."""
    return [str(path) for path in (*shared_folders(home), *_elsewhere(home, trees))]


def fits_parent(home: Home, spec: ContainerSpec) -> bool:
    """Whether a warm parent could fork it: an entrypoint, no tree that only a launcher can reach, and no
    libraries at a place that a program is told of when it starts."""
    is_plain = spec.command is None and not _driver_paths(spec)
    return is_plain and not _elsewhere(home, spec.overlays + spec.image.layers)


def _elsewhere(home: Home, trees: tuple[Path, ...]) -> list[Path]:
    # as text: comparing paths part by part takes a noticeable share of a warm start
    inside = tuple(f"{folder}/" for folder in shared_folders(home))
    return [tree for tree in dict.fromkeys(trees) if not f"{tree}/".startswith(inside)]


def parent_key(
    home: Home, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]
) -> tuple[Any, ...]:
    """What containers of one warm parent have in common."""
    trees = (*_bundle(home, overlays), *image.layers)
    return trees, image.host_usr, image.python, tuple(sorted(_parent_env(env).items()))


def parent_request(
    home: Home, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]
) -> dict[str, Any]:
    """For a warm parent. It sees the image and the client, and none of the mounts: so a changed file of the
    user's costs no new parent. A container whose files would have been imported instead does without it."""
    trees = (*_bundle(home, overlays), *image.layers)
    return {
        "mode": "parent",
        "container_uid": container_uid(),
        "staged": staged_folders(home, trees),
        "spec": {
            "kind": "warm parent",
            "view": _view(trees, image.host_usr),
            "gpus": [],
            "env": _parent_env(env),
            "python": image.python,
        },
    }


def container_request(home: Home, spec: ContainerSpec) -> dict[str, Any]:
    folder = home.tasks / spec.task_id
    trees = (*spec.overlays, *spec.image.layers)
    parts = {
        "upper": str(folder / "upper"),
        "work": str(folder / "work"),
        "usr_upper": str(folder / "usr-upper"),
        "usr_work": str(folder / "usr-work"),
    }
    return {
        "mode": "container",
        "container_uid": container_uid(),
        "staged": staged_folders(home, trees),
        "fds": [],
        "spec": {
            "kind": "container",
            "task_id": spec.task_id,
            "folder": str(folder),
            "log": str(home.logs / f"{spec.task_id}.log"),
            "notify": str(home.notify_socket),
            "view": {
                **_view(trees, spec.image.host_usr),
                **parts,
                "volatile": not spec.keeps_files,
            },
            "binds": [[str(folder / "run"), "/__modal/run", False]],
            "volumes": [volume(attachment) for attachment in spec.volumes],
            "gpus": list(spec.gpu_devices),
            "etc": etc_files(HOSTNAME),
            "hostname": HOSTNAME,
            "env": _container_env(spec),
            "workdir": spec.workdir,
            "python": spec.image.python,
            "command": list(spec.command) if spec.command is not None else None,
            "has_stdin": spec.has_stdin,
            "terminal": terminal(spec.terminal),
            "memory_limit_bytes": spec.memory_limit_bytes,
        },
    }


def terminal(wanted: Terminal | None) -> dict[str, int] | None:
    return None if wanted is None else {"rows": wanted.rows, "cols": wanted.cols}


def volume(attachment: VolumeAttachment) -> dict[str, Any]:
    """`fd`, where set, is the number of a descriptor of a detached mount."""
    return {
        "volume_id": attachment.volume_id,
        "path": attachment.path,
        "read_only": attachment.read_only,
        "lowers": [str(lower) for lower in attachment.lowers],
        "upper": attachment.upper and str(attachment.upper),
        "work": attachment.work and str(attachment.work),
        "bind": attachment.bind and str(attachment.bind),
        "snapshot": attachment.snapshot and str(attachment.snapshot),
        "fd": None,
    }


def _bundle(home: Home, overlays: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(tree for tree in overlays if not tree.is_relative_to(home.mounts))


def _view(trees: tuple[Path, ...], host_usr: bool) -> dict[str, Any]:
    # volatile: a container's own files need not survive a power failure
    return {
        "trees": [str(tree) for tree in trees],
        "host_usr": host_usr,
        "usr_mounts": mounts_below_usr(),
        "volatile": True,
    }


def _parent_env(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in _VARIABLES_OF_ONE_CONTAINER}


def _container_env(spec: ContainerSpec) -> dict[str, str]:
    env = {**spec.env, "MODAL_TASK_ID": spec.task_id}
    if paths := _driver_paths(spec):
        env["LD_LIBRARY_PATH"] = ":".join(filter(None, [env.get("LD_LIBRARY_PATH", ""), *paths]))
    return env


def _driver_paths(spec: ContainerSpec) -> list[str]:
    """Where the NVIDIA driver's libraries are, if not below /usr/lib where any program looks."""
    if not spec.gpu_devices or not _DRIVER_LIBRARIES.is_dir():
        return []
    return [f"{_DRIVER_LIBRARIES}/lib64", f"{_DRIVER_LIBRARIES}/lib"]
