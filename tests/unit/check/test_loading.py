"""Loading: what an app is when the client has imported it, and what becomes of apps that cannot be."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from homeport.check import loading
from homeport.check.facts import App, Function, Image, LoadFailure, Secret, Volume
from homeport.check.loading import load_app
from homeport.check.reading import read_app
from homeport.check.source import Sources
from homeport.check.values import FromShell, Made, Site, Unknown

Load = Callable[..., "App | LoadFailure"]

HEAD = "import modal\napp = modal.App('a')\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads app.py, or what `entry` says, of the given files."""

    def loaded(
        source: str,
        *,
        files: Mapping[str, str] | None = None,
        entry: str = "app.py",
        module: str = "",
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 30,
    ) -> App | LoadFailure:
        for name, text in {entry: source, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        sources = Sources()
        read = sources.read(tmp_path / entry, module or "app")
        return load_app(
            tmp_path / entry,
            read,
            as_module=bool(module),
            python=Path(sys.executable),
            folder=tmp_path,
            timeout_s=timeout_s,
            sources=sources,
            source_app=read_app(read, sources, tmp_path),
            environment={**os.environ, **(environment or {})},
        )

    return loaded


def the(app: App | LoadFailure, name: str = "f") -> Function:
    assert isinstance(app, App), app
    return next(function for function in app.functions if function.name == name)


def failure(app: App | LoadFailure) -> LoadFailure:
    assert isinstance(app, LoadFailure), app
    return app


def steps(function: Function) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    assert function.image is not None
    return [
        (step.method, step.args, dict(step.options))
        for step in function.image.steps
        if not isinstance(step, Unknown)
    ]


def text_at(site: Site) -> str:
    lines = (
        site.path.read_text(encoding="utf-8")
        .encode()
        .splitlines(keepends=True)[site.line - 1 : site.end_line]
    )
    lines[-1] = lines[-1][: site.end_column]
    lines[0] = lines[0][site.column :]
    return b"".join(lines).decode()


def test_values_are_those_that_the_client_was_given(load: Load) -> None:
    app = load(
        "import modal\n"
        "from pathlib import Path\n"
        "versions = {'torch': '2.1'}\n"
        "base = modal.Secret.from_name('base')\n"
        "app = modal.App('é', image=modal.Image.debian_slim(), secrets=[base])\n"
        "image = modal.Image.debian_slim(python_version='3.11')\n"
        "for name, version in versions.items():\n"
        "    image = image.pip_install(f'{name}=={version}')\n"
        "image = image.add_local_dir(Path(__file__).parent, '/app')\n"
        "image = image.pipe(lambda i: i.env({'A': 'b'}))\n"
        "data = modal.Volume.from_name('data', create_if_missing=True)\n"
        "bucket = modal.CloudBucketMount('pictures', read_only=True)\n"
        "@app.function(image=image, volumes={'/d': data.with_mount_options(read_only=True), '/b': bucket},\n"
        "    timeout=60 * 60, gpu=['H100', 'A100:2'], retries=modal.Retries(max_retries=3), cpu=2.5,\n"
        "    secrets=[modal.Secret.from_name('more')], schedule=modal.Cron('* * * * *'))\n"
        "@modal.concurrent(max_inputs=4)\n"
        "def f(x: int = 3): ...\n"
        "@app.cls(gpu='T4')\n"
        "class C:\n"
        "    @modal.method()\n"
        "    def m(self, y): ...\n"
        "import modal.experimental\n"
        "@app.function(gpu='H100:8')\n"
        "@modal.experimental.clustered(size=2)\n"
        "def many(z): ...\n"
        "@app.local_entrypoint()\n"
        "def main(*args): ...\n"
    )
    assert isinstance(app, App)
    assert (app.name, app.how, app.unknown) == ("é", "loaded", ())
    assert [(function.name, function.kind) for function in app.functions] == [
        ("f", "function"),
        ("C", "class"),
        ("many", "function"),
        ("main", "local_entrypoint"),
    ]
    assert [parameter.name for parameter in the(app, "many").parameters] == ["z"]
    f = the(app)
    assert steps(f) == [
        ("debian_slim", (), {"python_version": "3.11"}),
        ("pip_install", ("torch==2.1",), {}),
        ("add_local_dir", (f.module.path.parent, "/app"), {}),
        ("env", ({"A": "b"},), {}),
    ]
    assert {
        mount: (volume.kind, volume.name, volume.read_only)
        for mount, volume in f.volumes.items()
        if isinstance(volume, Volume)
    } == {
        "/d": ("Volume", "data", True),
        "/b": ("CloudBucketMount", "pictures", True),
    }
    assert [secret.args for secret in f.secrets if isinstance(secret, Secret)] == [("base",), ("more",)]
    assert [f.options[name] for name in ("timeout", "gpu", "cpu")] == [3600, ("H100", "A100:2"), 2.5]
    assert isinstance(f.options["retries"], Made) and f.options["retries"].options == {"max_retries": 3}
    assert isinstance(f.options["schedule"], Made) and f.options["schedule"].name == "modal.Cron"
    assert f.decorators == {"modal.concurrent": {"max_inputs": 4}}
    assert [(parameter.name, parameter.annotation, parameter.default) for parameter in f.parameters] == [
        ("x", "int", "3")
    ]
    c = the(app, "C")
    assert isinstance(c.image, Image) and list(c.methods) == ["m"]
    assert [parameter.name for parameter in c.methods["m"][1]] == ["y"]
    assert c.method_decorators == {"m": {"modal.method": {}}}
    assert the(app, "main").parameters[0].kind == "var_positional" and the(app, "main").secrets == ()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="columns are known from Python 3.11 on")
def test_sites_are_those_of_the_calls(load: Load) -> None:
    f = the(
        load(
            "import modal\n"
            "app = modal.App('ä'); base = modal.Image.debian_slim()\n"
            "image = (\n"
            "    base.apt_install('git')\n"
            "    .pip_install(\n"
            "        'torch',\n"
            "    )\n"
            ")\n"
            "@app.function(image=image,\n"
            "              timeout=3)\n"
            "def f(): ...\n"
        )
    )
    assert f.image is not None
    assert [text_at(step.site) for step in f.image.steps if step.site] == [
        "debian_slim()",
        "apt_install('git')",
        "pip_install(\n        'torch',\n    )",
    ]
    assert text_at(f.site).startswith("app.function(image=image,\n")
    assert {name: text_at(site) for name, site in f.option_sites.items()} == {
        "image": "image=image",
        "timeout": "timeout=3",
    }
    assert f.node.name == "f"


def test_what_the_shell_gives_says_so_and_secrets_stay_hidden(load: Load) -> None:
    app = load(
        HEAD + "import os\n"
        "given = os.environ['KEY_OF_MINE']\n"
        "one = modal.Secret.from_dict({'K': given, 'L': 'typed-in-here', 'SHORT': os.environ['SHORT']})\n"
        "some = {k: v for k, v in os.environ.items() if k.startswith('BGB_')}\n"
        "image = modal.Image.debian_slim().env({**some, 'N': '1', 'D': os.environ.get('NOT_SET', 'plain')})\n"
        "env = {'E': os.getenv('SHORT'), 'SHORT': os.getenv('SHORT')}\n"
        "@app.function(image=image, secrets=[one], env=env)\n"
        "def f(): ...\n",
        environment={"KEY_OF_MINE": "hush-hush", "BGB_LIMIT": "50", "SHORT": "1"},
    )
    f = the(app)
    assert isinstance(app, App)
    [secret] = f.secrets
    assert isinstance(secret, Secret)
    [values] = secret.args
    assert (
        isinstance(values["K"], FromShell)
        and values["K"].name == "KEY_OF_MINE"
        and values["K"].site.line == 4
    )
    assert isinstance(values["L"], Unknown)
    assert isinstance(values["SHORT"], FromShell)
    [variables] = steps(f)[1][1]
    assert isinstance(variables["BGB_LIMIT"], FromShell) and variables["BGB_LIMIT"].site.line == 6
    assert (variables["N"], variables["D"]) == ("1", "plain")
    assert f.options["env"]["E"] == "1"  # one letter is one object, whoever made it: only its own name tells
    assert isinstance(f.options["env"]["SHORT"], FromShell)
    assert [(read.name, read.site.line) for read in app.shell_reads] == [
        ("KEY_OF_MINE", 4),
        ("SHORT", 5),
        (None, 6),
        ("NOT_SET", 7),
        ("SHORT", 8),
        ("SHORT", 8),
    ]
    shown = repr((f.options, f.secrets, f.image, app.options, app.shell_reads))
    assert "hush-hush" not in shown and "typed-in-here" not in shown


def test_apps_of_other_files_and_of_helpers(load: Load) -> None:
    app = load(
        HEAD + "import other\n"
        "from other import gpu_function\n"
        "app.include(other.app)\n"
        "@gpu_function(app, timeout=5)\n"
        "def f(): ...\n"
        "for n in (1, 2):\n"
        "    app.function(name=f'g{n}', serialized=True, cpu=n)(lambda: None)\n",
        files={
            "other.py": "import modal\napp = modal.App()\nimage = modal.Image.from_registry('x')\n"
            "def gpu_function(app, **options):\n    return app.function(gpu='T4', image=image, **options)\n"
            "@app.function()\ndef theirs(): ...\n"
        },
    )
    f = the(app)
    assert (f.options["gpu"], f.options["timeout"]) == ("T4", 5)
    assert (f.site.path.name, f.module.path.name, f.node.lineno) == ("other.py", "app.py", 7)
    assert the(app, "theirs").module.path.name == "other.py"
    assert (the(app, "g1").options["cpu"], the(app, "g2").options["cpu"]) == (1, 2)


def test_an_app_that_is_no_name_of_the_entry_file(load: Load) -> None:
    app = load(
        "import common\n@common.app.function(schedule=common.EVERY)\ndef f(): ...\n",
        files={"common.py": "import modal\napp = modal.App('shared')\nEVERY = modal.Period(hours=1)\n"},
    )
    assert isinstance(app, App) and app.name == "shared"
    assert [function.name for function in app.functions] == ["f"]


def test_a_module_of_a_package(load: Load) -> None:
    app = load(
        HEAD + "from .names import NAME\n@app.function(name=NAME)\ndef f(): ...\n",
        files={"pkg/__init__.py": "", "pkg/names.py": "NAME = 'n'\n"},
        entry="pkg/run.py",
        module="pkg.run",
    )
    assert the(app, "n").options["name"] == "n"


def test_it_is_imported_as_modal_run_imports_it(load: Load, tmp_path: Path) -> None:
    app = load(
        HEAD + "import sys, os, json\n"
        "facts = dict(name=__name__, file=__file__, path=sys.path[:3], cwd=os.getcwd(),\n"
        "    local=modal.is_local(), program=sys.argv[1:],\n"
        "    modules=[m for m in sys.modules if m.startswith('homeport')])\n"
        "@app.function(env={'facts': json.dumps(facts)})\ndef f(): ...\n",
        entry="sub/app.py",
    )
    entry = str(tmp_path / "sub/app.py")
    assert json.loads(the(app).options["env"]["facts"]) == {
        "name": "app",
        "file": entry,
        "path": [str(tmp_path / "sub"), "", str(Path(sys.executable).parent)],
        "cwd": str(tmp_path),
        "local": True,
        "program": ["run", entry],
        "modules": [],
    }
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["app.py", "sub"]  # no bytecode either


# ---- apps that cannot be loaded


def test_a_module_that_the_launcher_lacks(load: Load) -> None:
    found = failure(
        load(HEAD + "import helper\n", files={"helper.py": "x = 1\nfrom not_there.sub import y\n"})
    )
    assert (found.kind, found.error, found.missing) == ("exception", "ModuleNotFoundError", "not_there")
    assert found.site is not None and (found.site.path.name, found.site.line) == ("helper.py", 2)
    assert found.why == "raises ModuleNotFoundError: No module named 'not_there'"


def test_what_the_client_refuses(load: Load) -> None:
    found = failure(load(HEAD + "@app.function(max_inputs=3)\ndef f(): ...\n"))
    assert (found.kind, found.error) == ("exception", "modal.exception.InvalidError")
    assert found.site is not None and found.site.line == 3


def test_an_option_that_the_client_does_not_know(load: Load) -> None:
    found = failure(load(HEAD + "@app.function(\n    concurrency=3)\ndef f(): ...\n"))
    assert (found.error, found.site and found.site.line) == ("TypeError", 3)
    assert "concurrency" in found.message


def test_errors_do_not_tell_secrets(load: Load) -> None:
    found = failure(
        load(
            HEAD + "import os\nmodal.Secret.from_dict({'A': 'typed-in'})\n"
            "raise ValueError('with ' + os.environ['KEY_OF_MINE'] + ' and typed-in')\n",
            environment={"KEY_OF_MINE": "hush-hush"},
        )
    )
    assert found.message == "with ... and ..."


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import sys\nsys.exit('bye')\n", "exit"),
        ("import os\nos._exit(0)\n", "exit"),
        ("\ninput('name? ')\n", "input"),
        ("import urllib.request\nurllib.request.urlopen('http://example.com')\n", "network"),
        ("import socket\nsocket.create_connection(('10.0.0.1', 80))\n", "network"),
        ("\nmodal.Volume.from_name('v').listdir('/')\n", "server"),
        ("\n1 +\n", "exception"),
        ("import os\nos.kill(os.getpid(), 9)\n", "crash"),
        ("import ctypes\nctypes.string_at(0)\n", "crash"),
    ],
)
def test_what_a_module_must_not_do_when_it_is_imported(load: Load, source: str, kind: str) -> None:
    found = failure(load(HEAD + source))
    assert found.kind == kind, found
    if "os.kill" not in source:
        assert found.site is not None and found.site.line == 4, found


def test_a_loop_without_end_is_stopped_where_it_is(load: Load) -> None:
    began = time.monotonic()
    found = failure(load(HEAD + "def spin():\n    while True: pass\nspin()\n", timeout_s=3))
    assert (found.kind, found.why) == ("timeout", "takes longer than 3 s to be imported")
    assert found.site is not None and found.site.line == 4
    assert time.monotonic() - began < 20


def test_where_it_was_is_never_in_a_file_of_ours() -> None:
    dump = f'  File "{loading.INSIDE.parent}/recording.py", line 8 in x\n  File "{{}}", line 4 in y\n'
    assert loading._place_in_dump(dump.format("/usr/lib/python3.11/os.py")) is None
    assert loading._place_in_dump(dump.format("/project/app.py")) == Site(Path("/project/app.py"), 4)


def test_a_process_that_says_nothing_any_more_is_ended(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "GRACE_S", 0.5)
    found = failure(load(HEAD + "import os\nos.kill(os.getpid(), 19)\n", timeout_s=1.5))
    assert (found.kind, found.why) == ("timeout", "takes longer than 1.5 s to be imported")


def test_a_network_that_is_asked_in_vain_is_said(load: Load) -> None:
    app = load(
        HEAD + "import socket\ntry:\n    socket.gethostbyname('example.com')\nexcept OSError:\n    pass\n"
        "@app.function()\ndef f(): ...\n"
    )
    assert isinstance(app, App) and the(app)
    [unknown] = app.unknown
    assert unknown.why == "asks example.com while it is imported, which was refused"
    assert unknown.site is not None and unknown.site.line == 5


def test_output_and_odd_values_disturb_nothing(load: Load) -> None:
    f = the(
        load(
            HEAD + "import os, sys, enum\n"
            "print('{\"failure\": null}' * 100_000); print('no' * 100_000, file=sys.stderr)\n"
            "os.write(1, b'{}\\n')\n"
            "class Size(int, enum.Enum):\n    BIG = 4096\n"
            "class Region(str, enum.Enum):\n    HERE = 'us-east'\n"
            "image = modal.Image.debian_slim()\n"
            "@app.function(memory=Size.BIG, region=Region.HERE, cpu=2.5, image=image)\n"
            "def f(): ...\n"
        )
    )
    assert (f.options["memory"], f.options["region"], f.options["cpu"]) == (4096, "us-east", 2.5)


def test_processes_that_it_starts_end_with_it(load: Load, tmp_path: Path) -> None:
    marker = f"homeport-left-{os.getpid()}"
    app = load(
        HEAD + "import subprocess\n"
        f"subprocess.Popen(['sh', '-c', 'sleep 600; : {marker}'], start_new_session=True)\n"
        f"subprocess.Popen(['sleep', '600'], env={{'MARK': '{marker}'}}, start_new_session=True)\n"
        "@app.function()\ndef f(): ...\n"
    )
    assert the(app)
    assert not left_running(marker)


def test_a_fork_bomb_runs_out(load: Load) -> None:
    marker = f"homeport-bomb-{os.getpid()}"
    found = failure(
        load(HEAD + f"import os\nos.environ['MARK'] = '{marker}'\nwhile True:\n    os.fork()\n", timeout_s=20)
    )
    assert (found.kind, found.error) == ("exception", "BlockingIOError"), found
    assert found.site is not None and found.site.line == 6
    assert not left_running(marker)


def left_running(marker: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return [pid for pid in found if pid != str(os.getpid())]


def test_a_python_without_the_client(load: Load, tmp_path: Path) -> None:
    sources = Sources()
    entry = sources.read(tmp_path / "app.py", "app")
    found = load_app(
        entry.path,
        entry,
        as_module=False,
        python=tmp_path / "bin/python",
        folder=tmp_path,
        timeout_s=5,
        sources=sources,
        source_app=App(None, Site(entry.path, 1), {}, (), "static"),
    )
    assert failure(found).kind == "client"
