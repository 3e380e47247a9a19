"""What modal's client takes, and since which version it has or has no longer what: the rules' table of it.

A test holds it against the installed client. Versions are (major, minor); clients before 1.0 are not told
apart from 1.0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Version: TypeAlias = tuple[int, int]

NEWEST: Final[Version] = (1, 6)  # the newest client that this table was held against
_EVER: Final[Version] = (0, 0)


@dataclass(frozen=True)
class Gone:
    """Something that clients from `since` on refuse. `rename`: what it is called now, with all else as it
    was; otherwise `instead` says what to do, as an imperative sentence.
    """

    since: Version
    rename: str = ""
    instead: str = ""

    @property
    def fix(self) -> str:
        return self.instead or f"Call it {self.rename}, as it is called now."


def version_of(text: str) -> Version:
    """A client's version, the newest known one where nothing is said."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else NEWEST


# ---- options of @app.function and @app.cls, with the client that has them first

_BOTH: Final[Mapping[str, Version]] = {
    **dict.fromkeys(
        [
            "image",
            "secrets",
            "gpu",
            "serialized",
            "network_file_systems",
            "volumes",
            "cpu",
            "memory",
            "ephemeral_disk",
            "min_containers",
            "max_containers",
            "buffer_containers",
            "scaledown_window",
            "proxy",
            "retries",
            "timeout",
            "cloud",
            "region",
            "enable_memory_snapshot",
            "block_network",
            "restrict_modal_access",
            "i6pn",
            "include_source",
            "experimental_options",
            "max_inputs",
        ],
        _EVER,
    ),
    "env": (1, 2),
    "startup_timeout": (1, 2),
    "nonpreemptible": (1, 3),
    "single_use_containers": (1, 3),
    "routing_region": (1, 4),
}
_OF_A_SERVER = """
image env secrets gpu serialized volumes cpu memory ephemeral_disk target_concurrency max_concurrency
min_containers max_containers buffer_containers scaleup_window scaledown_window startup_timeout name port
unauthenticated h2_enabled exit_grace_period routing_region compute_region cloud nonpreemptible proxy i6pn
enable_memory_snapshot include_source experimental_options
"""
OPTIONS: Final[Mapping[str, Mapping[str, Version]]] = {
    "function": {**_BOTH, "schedule": _EVER, "name": _EVER, "is_generator": _EVER},
    "class": _BOTH,
    "server": dict.fromkeys(_OF_A_SERVER.split(), (1, 5)),
}
GONE_OPTIONS: Final[Mapping[str, Gone]] = {
    "keep_warm": Gone((1, 4), rename="min_containers"),
    "concurrency_limit": Gone((1, 4), rename="max_containers"),
    "container_idle_timeout": Gone((1, 4), rename="scaledown_window"),
    "allow_concurrent_inputs": Gone(
        (1, 4), instead="Write @modal.concurrent(max_inputs=…) below the decorator instead."
    ),
    "allow_cross_region_volumes": Gone((1, 2), instead="Leave it out: it had no effect any more."),
    "mounts": Gone(_EVER, instead="Add the files to the image: image.add_local_dir(…), add_local_file(…)."),
    "secret": Gone(_EVER, instead="Write secrets=[…] with the Secret in a list."),
    "shared_volumes": Gone(_EVER, instead="Use a modal.Volume in volumes={…}."),
    "interactive": Gone(_EVER, instead="Leave it out, and run it with modal run --interactive."),
    "checkpointing_enabled": Gone(_EVER, rename="enable_memory_snapshot"),
    "_allow_background_volume_commits": Gone(_EVER, instead="Leave it out: Volumes always commit so."),
    "_experimental_scheduler_placement": Gone((1, 4), instead="Write region= and nonpreemptible= instead."),
    "_experimental_buffer_containers": Gone((1, 4), rename="buffer_containers"),
}

# ---- names

NAMES: Final = frozenset(
    [
        "App",
        "Client",
        "CloudBucketMount",
        "Cls",
        "Cron",
        "Dict",
        "Error",
        "FilePatternMatcher",
        "Function",
        "FunctionCall",
        "Image",
        "NetworkFileSystem",
        "Period",
        "Proxy",
        "Queue",
        "Retries",
        "Sandbox",
        "SandboxSnapshot",
        "SchedulerPlacement",
        "Secret",
        "Tunnel",
        "Volume",
        "asgi_app",
        "batched",
        "concurrent",
        "current_function_call_id",
        "current_input_id",
        "enable_output",
        "enter",
        "exit",
        "experimental",
        "fastapi_endpoint",
        "forward",
        "interact",
        "is_local",
        "method",
        "parameter",
        "web_server",
        "wsgi_app",
        "Cluster",
        "Environment",
        "Probe",
        "Server",
        "Workspace",
        "billing",
        "clustered",
        "sessioned",
        "types",
        "app",
        "call_graph",
        "client",
        "cloud_bucket_mount",
        "cls",
        "cluster",
        "config",
        "container_process",
        "dict",
        "environments",
        "exception",
        "file_pattern_matcher",
        "functions",
        "image",
        "io_streams",
        "mount",
        "network_file_system",
        "object",
        "output",
        "parallel_map",
        "partial_function",
        "proxy",
        "queue",
        "retries",
        "running_app",
        "sandbox",
        "schedule",
        "scheduler_placement",
        "secret",
        "server",
        "stream_type",
        "volume",
        "workspace",
        "runner",
        "serving",
        "snapshot",
        "token_flow",
        "tunnel",
    ]
)
_FROM_NAME = "Write .from_name(…) instead: it looks the object up when it is used first."
GONE_NAMES: Final[Mapping[str, Gone]] = {
    "modal.Stub": Gone(_EVER, rename="App"),
    "modal.Mount": Gone(
        _EVER, instead="Add the files to the image: image.add_local_dir(…), add_local_file(…)."
    ),
    "modal.SharedVolume": Gone(_EVER, instead="Use a modal.Volume."),
    "modal.gpu": Gone((1, 4), instead='Write the GPU as text, such as gpu="A100-80GB:2".'),
    "modal.build": Gone((1, 1), instead="Do it in a step of the image: image.run_function(…)."),
    "modal.web_endpoint": Gone((1, 4), rename="fastapi_endpoint"),
    "modal.create_package_mounts": Gone(_EVER, instead="Write image.add_local_python_source(…)."),
    "modal.container_app": Gone(_EVER, instead="Use the app itself."),
    "modal.aio": Gone(_EVER, instead="Call the methods by .aio(…)."),
    "modal.functions.gather": Gone((1, 4), instead="Write modal.FunctionCall.gather(…)."),
    **{
        f"modal.{name}.lookup": Gone((1, 2), rename="from_name", instead="")
        for name in ("Function", "Cls", "Volume", "Secret", "Dict", "Queue", "NetworkFileSystem")
    },
    **{
        f"modal.{name}.{method}": Gone(_EVER, instead="Write from_name(…, create_if_missing=True).")
        for name in ("Volume", "NetworkFileSystem", "Dict", "Queue")
        for method in ("new", "persisted")
    },
    "modal.Image.conda": Gone(_EVER, rename="micromamba"),
    "modal.Image.from_dockerhub": Gone(_EVER, rename="from_registry"),
}

# ---- an image's steps: which there are, with the names of what they take ("*" before what takes many)

_BUILD = "force_build env secrets gpu"
_PIP = f"find_links index_url extra_index_url pre extra_options {_BUILD}"
IMAGE: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(words.split())
    for name, words in {
        "debian_slim": "python_version force_build",
        "micromamba": "python_version force_build",
        "from_scratch": "force_build",
        "from_registry": "tag secret setup_dockerfile_commands force_build add_python **kwargs",
        "from_aws_ecr": "tag secret setup_dockerfile_commands force_build add_python **kwargs",
        "from_gcp_artifact_registry": "tag secret setup_dockerfile_commands force_build add_python **kwargs",
        "from_dockerfile": "path force_build context_dir ignore build_args registry_secret secrets env gpu "
        "add_python",
        "from_id": "image_id client",
        "from_name": "name environment_name client",
        "add_local_file": "local_path remote_path copy",
        "add_local_dir": "local_path remote_path copy ignore",
        "add_local_python_source": "*modules copy ignore",
        "apt_install": f"*packages {_BUILD}",
        "pip_install": f"*packages {_PIP}",
        "pip_install_from_requirements": f"requirements_txt {_PIP}",
        "pip_install_from_pyproject": f"pyproject_toml optional_dependencies {_PIP}",
        "pip_install_private_repos": f"*repositories git_user {_PIP}",
        "uv_pip_install": f"*packages requirements uv_version {_PIP}",
        "uv_sync": f"uv_project_dir groups extras frozen extra_options uv_version {_BUILD}",
        "poetry_install_from_file": "poetry_pyproject_toml poetry_lockfile ignore_lockfile with_ without "
        f"only poetry_version old_installer {_BUILD}",
        "micromamba_install": f"*packages spec_file channels {_BUILD}",
        "run_commands": f"*commands volumes {_BUILD}",
        "run_function": "raw_f network_file_systems cpu memory timeout cloud region args kwargs "
        f"include_source volumes {_BUILD}",
        "dockerfile_commands": f"*dockerfile_commands context_files context_dir ignore build_args {_BUILD}",
        "entrypoint": "entrypoint_commands",
        "shell": "shell_commands",
        "cmd": "cmd",
        "env": "vars",
        "workdir": "path",
        "imports": "",
        "pipe": "func *args **kwargs",
        "build": "app",
        "publish": "name environment_name experimental_options client",
        "hydrate": "client",
        "get_dashboard_url": "",
    }.items()
}
GONE_STEPS: Final[Mapping[str, Gone]] = {
    "copy_local_file": Gone((1, 1), instead="Write add_local_file(…, copy=True)."),
    "copy_local_dir": Gone((1, 1), instead="Write add_local_dir(…, copy=True)."),
    "copy_mount": Gone(_EVER, instead="Write add_local_dir(…, copy=True)."),
    "conda": Gone(_EVER, rename="micromamba"),
    "conda_install": Gone(_EVER, rename="micromamba_install"),
    "conda_update_from_environment": Gone(_EVER, instead="Write micromamba_install(spec_file=…)."),
    "from_dockerhub": Gone(_EVER, rename="from_registry"),
}
GONE_STEP_OPTIONS: Final[Mapping[str, Gone]] = {
    "mounts": Gone(_EVER, instead="Add the files by a step before it, with copy=True."),
    "context_mount": Gone(_EVER, instead="Name the folder by context_dir=, or add the files with copy=True."),
    "secret": Gone(_EVER, instead="Write secrets=[…] with the Secret in a list."),
}
STEPS_THAT_ADD_FILES: Final = frozenset({"add_local_file", "add_local_dir", "add_local_python_source"})
# They end nothing and build nothing, whatever stands before them.
STEPS_THAT_BUILD_NOTHING: Final = STEPS_THAT_ADD_FILES | {"imports", "pipe", "publish", "build", "hydrate"}
CONSTRUCTORS: Final = frozenset(name for name in IMAGE if name.startswith("from_")) | {
    "debian_slim",
    "micromamba",
    "from_dockerhub",
    "conda",
}
