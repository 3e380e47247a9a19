"""The container is the container: its files, its packages, its environment, and nothing of this machine's."""

import json
from pathlib import Path

from tests.support.excused import excused


def report(said, name="REPORT"):
    """What the app printed as `REPORT {json}`."""
    line = next(line for line in said.lines if line.startswith(name + " "))
    return json.loads(line.removeprefix(name + " "))


def test_files_are_at_their_exact_paths(modal, write):
    write("dataset.py", "CATS = 12\n")
    write("data/a.txt", "a")
    write("data/deep/b.bin", b"\0\1\2")
    write("data/skip.log", "no")
    write("helpers/__init__.py", "WHO = 'helpers'\n")
    write("helpers/notes.txt", "not Python")
    write(
        "app.py",
        """
        import json
        import os
        from pathlib import Path

        import modal

        image = (
            modal.Image.debian_slim()
            .add_local_file("dataset.py", "/app/dataset.py")
            .add_local_dir("data", "/data/in", ignore=["*.log"])
            .add_local_python_source("helpers")
        )
        app = modal.App("tour-files", image=image)


        @app.function()
        def look():
            import helpers

            try:
                import dataset
            except ModuleNotFoundError as error:
                missing = str(error)
            print("REPORT", json.dumps({
                "here": __file__,
                "cwd": os.getcwd(),
                "app": sorted(os.listdir("/app")),
                "data": sorted(str(p) for p in Path("/data").rglob("*") if p.is_file()),
                "bytes": list(Path("/data/in/deep/b.bin").read_bytes()),
                "helpers": helpers.__file__,
                "helpers_files": sorted(p.name for p in Path("/root/helpers").iterdir() if p.is_file()),
                "missing": missing,
            }))
        """,
    )
    found = report(modal("run", "app.py"))
    assert found == {
        "here": "/root/app.py",
        "cwd": "/root",
        "app": ["dataset.py"],
        "data": ["/data/in/a.txt", "/data/in/deep/b.bin"],
        "bytes": [0, 1, 2],
        "helpers": "/root/helpers/__init__.py",
        "helpers_files": ["__init__.py"],
        "missing": "No module named 'dataset'",
    }


def test_no_variable_of_the_shell_that_started_engine_or_client_gets_in(engine, modal, write, folder):
    """The question of the story: BGB_LIMIT_FILES=50 is exported around both, and is nowhere inside."""
    assert b"BGB_LIMIT_FILES=50" in Path(f"/proc/{engine.pid}/environ").read_bytes()
    write(
        "app.py",
        """
        import json
        import os
        import subprocess
        import sys

        import modal

        app = modal.App("tour-environment")


        @app.function(env={"ASKED_FOR": "yes"}, max_containers=1)
        def look(nth: int):
            child = subprocess.run(
                [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
                env=os.environ.copy(), capture_output=True, text=True, check=True,
            )
            os.environ["SET_BY_INPUT"] = str(nth)
            return os.environ["MODAL_TASK_ID"], dict(os.environ), json.loads(child.stdout)


        @app.local_entrypoint()
        def main():
            assert os.environ["BGB_LIMIT_FILES"] == "50"
            (task, first, child), (again, second, second_child) = look.remote(1), look.remote(2)
            print("REPORT", json.dumps([task == again, first, child, second, second_child]))
        """,
    )
    leak = {"BGB_LIMIT_FILES": "50", "PYTHONPATH": str(folder), "WANDB_API_KEY": "leak"}
    same_container, *environments = report(modal("run", "app.py", env=leak))
    assert same_container, "both inputs were to run in one container"
    for environment in environments:
        assert "BGB_LIMIT_FILES" not in environment
        assert "WANDB_API_KEY" not in environment
        assert environment["ASKED_FOR"] == "yes"
        assert not [name for name, value in environment.items() if str(folder) in value]
        own = {name for name in environment if not name.startswith("MODAL_")}
        assert own - {"ASKED_FOR", "SET_BY_INPUT"} == {
            "HOME", "LANG", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHON_VERSION"
        }  # fmt: skip
    platform = {name for name in environments[0] if name.startswith("MODAL_")}
    assert {"MODAL_TASK_ID", "MODAL_IS_REMOTE", "MODAL_ENVIRONMENT", "MODAL_IMAGE_ID"} <= platform
    assert not platform & {"MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"}
    assert environments[2]["SET_BY_INPUT"] == "2"  # what the code itself sets stays its own affair


def test_only_the_images_packages_can_be_imported(modal, write):
    write("beside.py", "print('never shipped')\n")
    write(
        "app.py",
        """
        import importlib
        import json
        import subprocess
        import sys

        import modal

        app = modal.App("tour-imports")


        def importable(*names):
            found = []
            for name in names:
                try:
                    found.append(importlib.import_module(name).__name__)
                except ImportError:
                    pass
            return found


        @app.function()
        def look():
            print("REPORT", json.dumps({
                "importable": importable("modal", "pip", "json", "beside", "homeport", "pytest", "uvicorn"),
                "python": sys.executable,
                "prefix": sys.prefix,
                "path": sys.path,
                "pip": subprocess.run(
                    [sys.executable, "-m", "pip", "list", "--format=freeze"],
                    capture_output=True, text=True,
                ).stdout.split(),
                "which": subprocess.run(
                    "for name in python python3 pip; do command -v $name; done",
                    shell=True, capture_output=True, text=True,
                ).stdout.split(),
            }))
        """,
    )
    found = report(modal("run", "app.py"))
    assert found["importable"] == ["modal", "pip", "json"]
    assert found["prefix"] == "/usr/local"
    assert found["python"].startswith("/usr/local/bin/python")
    assert found["path"][:1] == ["/root"] or "/root" in found["path"][:2]
    listed = {line.split("==")[0] for line in found["pip"]}
    assert "pip" in listed
    assert not {"homeport", "pytest", "uvicorn", "mypy"} & listed
    assert found["which"] == [
        "/usr/local/bin/python", "/usr/local/bin/python3", "/usr/local/bin/pip"
    ]  # fmt: skip


def test_the_system_around_the_code_is_as_on_modal(modal, write, account):
    write(
        "app.py",
        """
        import json
        import locale
        import os
        import resource
        import socket
        import ssl
        import time
        from multiprocessing import shared_memory
        from pathlib import Path

        import modal

        app = modal.App("tour-system")


        def can_write(path):
            try:
                Path(path).write_text("x")
                return True
            except OSError:
                return False


        @app.function()
        def look():
            block = shared_memory.SharedMemory(create=True, size=64 << 20)
            block.buf[-1] = 7
            block.close()
            block.unlink()
            shm = os.statvfs("/dev/shm")
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            certificates = ssl.create_default_context().cert_store_stats()
            print("REPORT", json.dumps({
                "uid": os.getuid(),
                "home": os.environ["HOME"],
                "user_home": os.path.expanduser("~"),
                "path": os.environ["PATH"],
                "lang": os.environ["LANG"],
                "encoding": locale.getpreferredencoding(),
                "zone": time.tzname[0],
                "shm_gib": shm.f_blocks * shm.f_frsize / 2**30,
                "nofile": [soft, hard],
                "resolv": Path("/etc/resolv.conf").is_file() and not Path("/etc/resolv.conf").is_symlink(),
                "localhost": socket.gethostbyname("localhost"),
                "certificates": certificates["x509_ca"],
                "passwd": Path("/etc/passwd").read_text().splitlines()[0],
                "tmp": can_write("/tmp/x") and can_write("/root/x") and can_write("/opt/x"),
                "dev": sorted(os.listdir("/dev")),
                "proc_sys": can_write("/proc/sys/kernel/hostname"),
                "pid": os.getpid(),
                "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
            }))
        """,
    )
    found = report(modal("run", "app.py"))
    assert found["uid"] == 0
    assert found["home"] == found["user_home"] == "/root"
    assert "/usr/local/bin" in found["path"].split(":")
    assert (found["lang"], found["encoding"]) == ("C.UTF-8", "UTF-8")
    assert found["zone"] == "UTC"
    assert found["shm_gib"] > 0.5
    assert found["nofile"][0] == found["nofile"][1]
    assert found["resolv"]
    assert found["localhost"] == "127.0.0.1"
    assert found["certificates"] > 20
    assert found["passwd"].startswith("root:x:0:0:")
    assert found["tmp"]
    assert {"null", "zero", "urandom", "shm", "fd"} <= set(found["dev"])
    assert not {"sda", "vda", "kmsg", "mem", "kvm"} & set(found["dev"])
    assert not found["proc_sys"]
    assert found["processes"] < 10 or excused(account, "processes"), "the machine's processes are visible"


def test_containers_do_not_see_each_others_files_nor_this_machines(modal, write, folder):
    write("secret-of-the-machine.txt", "x")
    write(
        "app.py",
        f"""
        import os
        import sys
        from pathlib import Path

        import modal

        app = modal.App("tour-isolation")


        @app.function(single_use_containers=True)
        def look(nth: int):
            mine = Path("/opt/mine")
            print("before:", mine.exists(), "machine:", Path({str(folder)!r}).exists())
            mine.write_text(str(nth))
            return os.environ["MODAL_TASK_ID"]


        @app.local_entrypoint()
        def main():
            print("different containers:", look.remote(1) != look.remote(2))
        """,
    )
    said = modal("run", "app.py")
    assert said.lines.count("before: False machine: False") == 2
    assert "different containers: True" in said.lines
