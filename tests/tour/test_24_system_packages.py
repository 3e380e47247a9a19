"""Packages of Debian, and steps that change the system: an image gets a root file system of its own.

The first test that needs one pays for it, within a minute; the other account gets a copy.
"""

import shutil
from collections.abc import Iterator

import pytest

from homeport.runtime.userland import missing_packages
from tests.support.account import Account
from tests.support.debian_root import SharedRoot
from tests.support.engine import Engine

PACKAGE = next((name for name in ("hello", "sl", "cowsay") if missing_packages((name,))), "")
pytestmark = [
    pytest.mark.skipif(
        not PACKAGE or any(shutil.which(tool) is None for tool in ("apt-get", "dpkg-deb")),
        reason="needs apt, dpkg-deb and a small package that this machine lacks",
    ),
]


@pytest.fixture(scope="session")
def shared_root() -> Iterator[SharedRoot]:
    shared = SharedRoot()
    yield shared
    shared.remove()


@pytest.fixture(autouse=True)
def root(engine: Engine, account: Account, shared_root: SharedRoot) -> Iterator[None]:
    is_there = shared_root.lend(account)
    yield
    if not is_there:
        shared_root.keep(account)


def test_apt_install_of_a_package_that_this_machine_lacks(modal, write, folder):
    """Also below steps that were built over this machine's own programs: the whole chain is made again."""
    write(
        "app.py",
        f"""
        import modal

        image = (
            modal.Image.debian_slim(python_version="3.11")
            .pip_install("six")
            .apt_install("{PACKAGE}")
            .run_commands("echo mine > /etc/mine", "rm /usr/bin/gcc-*", "useradd -m someone")
        )
        app = modal.App("tour-apt", image=image)


        @app.function()
        def look():
            import glob, os, pwd, shutil, subprocess, six, ssl

            print("installed:", subprocess.run(["dpkg-query", "-W", "-f", "${{Status}}", "{PACKAGE}"],
                  capture_output=True, text=True).stdout)
            print(open("/etc/mine").read().strip(), pwd.getpwnam("someone").pw_dir, shutil.which("gcc"))
            names = ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*.sources")]
            print("archives named:", any("main" in open(at).read() for at in names if os.path.exists(at)))
            print(six.__file__, len(os.listdir("/var/lib/apt/lists")), os.path.exists("/run/homeport"))
        """,
    )
    said = modal("run", "app.py::look", timeout_s=400)
    assert "installed: install ok installed" in said.lines
    assert "mine /home/someone None" in said.lines or "mine /home/someone /usr/bin/gcc" in said.lines
    assert any(line.startswith("/usr/local/lib/python3.11/site-packages/six.py") for line in said.lines)
    assert "base image: root file system of " in said.text
    assert "archives named: True" in said.lines, "for those who take the image elsewhere"
    write("app.py", (folder / "app.py").read_text().replace("installed:", "now:"))
    assert "root file system" not in modal("run", "app.py::look", timeout_s=400).text, "it is built once"


def test_steps_with_foreign_owners(modal, write):
    """tar, install and chown give files to others; they stay root's, and nothing fails."""
    write(
        "app.py",
        f"""
        import modal

        steps = [
            "mkdir /tmp/a; echo x > /tmp/a/f; tar --owner=1000 --group=1000 -C /tmp -cf /a.tar a",
            "mkdir /b; tar -C /b -xpf /a.tar; chown -R www-data:www-data /b",
            "useradd someone && install -d -o someone -g 33 /srv/mine",
            "su -s /bin/sh someone -c 'echo by someone > /srv/mine/note'",
        ]
        image = modal.Image.debian_slim(python_version="3.11").apt_install("{PACKAGE}").run_commands(*steps)
        app = modal.App("tour-owners", image=image)


        @app.function()
        def look():
            import os

            os.chown("/srv/mine/note", 1234, 1234)
            print(open("/srv/mine/note").read().strip(), os.stat("/srv/mine/note").st_uid, os.listdir("/b"))
        """,
    )
    assert "by someone 0 ['a']" in modal("run", "app.py::look", timeout_s=400).lines


@pytest.mark.once_as("user")
def test_a_package_that_debian_does_not_have_is_named(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-no-package", image=modal.Image.debian_slim().apt_install("no-such-package"))


        @app.function()
        def look():
            print("never")
        """,
    )
    said = modal("run", "app.py", fails=True, timeout_s=400)
    assert "Unable to locate package no-such-package" in said.text
    assert "never" not in said.out
