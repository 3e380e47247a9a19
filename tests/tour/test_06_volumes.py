"""Volumes from both sides: the `modal volume` commands, the container, and the Python library."""

import pytest

from tests.support.excused import excused


@pytest.mark.once_as("root")
def test_files_go_in_come_out_and_move_by_command(modal, write, folder, account):
    write("models/a.bin", b"\0" * 5000)
    write("models/deep/b.txt", "b")
    write("notes.txt", "notes\n")
    modal("volume", "create", "tour-files")
    assert "tour-files" in [row["name"] for row in modal("volume", "list", "--json").rows]
    modal("volume", "create", "tour-files", fails=True)

    modal("volume", "put", "tour-files", "notes.txt")
    modal("volume", "put", "tour-files", "models", "/models")
    listed = modal("volume", "ls", "tour-files", "/models").out
    assert "models/a.bin" in listed
    assert "models/deep" in listed
    assert "exists" in modal("volume", "put", "tour-files", "notes.txt", fails=True).text
    write("notes.txt", "better notes\n")
    modal("volume", "put", "--force", "tour-files", "notes.txt")

    assert modal("volume", "get", "tour-files", "notes.txt", "-").content == "better notes\n"
    account.make_folder(folder / "back")
    modal("volume", "get", "tour-files", "models", "back")
    assert (folder / "back" / "models" / "a.bin").read_bytes() == b"\0" * 5000
    assert (folder / "back" / "models" / "deep" / "b.txt").read_text() == "b"

    modal("volume", "cp", "tour-files", "notes.txt", "models/copy.txt")
    assert modal("volume", "get", "tour-files", "models/copy.txt", "-").content == "better notes\n"
    modal("volume", "rm", "tour-files", "notes.txt")
    assert "notes.txt" not in modal("volume", "ls", "tour-files").out
    modal("volume", "rm", "tour-files", "models", fails=True)
    modal("volume", "rm", "--recursive", "tour-files", "models")
    assert "models" not in modal("volume", "ls", "tour-files").out

    modal("volume", "rename", "--yes", "tour-files", "tour-renamed")
    assert "tour-files" not in modal("volume", "list", "--json").out
    modal("volume", "delete", "--yes", "tour-renamed")
    assert "tour-renamed" not in modal("volume", "list", "--json").out
    gone = modal("volume", "ls", "tour-renamed", fails=True).text
    assert "tour-renamed" in gone


def test_a_container_sees_commits_after_reload_and_its_own_writes_at_once(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-volume")
        volume = modal.Volume.from_name("tour-shared", create_if_missing=True)


        @app.function(volumes={"/data": volume})
        def writer(text):
            from pathlib import Path

            Path("/data/deep").mkdir(exist_ok=True)
            Path("/data/deep/note.txt").write_text(text)
            volume.commit()


        @app.function(volumes={"/data": volume}, max_containers=1)
        def reader(reload):
            from pathlib import Path

            if reload:
                volume.reload()
            note = Path("/data/deep/note.txt")
            return note.read_text() if note.exists() else None


        @app.function(volumes={"/data": volume})
        def forgets_to_commit():
            open("/data/late.txt", "w").write("committed at the exit")


        @app.function(volumes={"/data": volume}, max_containers=1)
        def reloads_with_an_open_file():
            with open("/data/deep/note.txt"):
                try:
                    volume.reload()
                except RuntimeError as error:
                    return str(error)


        @app.local_entrypoint()
        def main():
            print("at first", reader.remote(False))
            writer.remote("one")
            print("before reload", reader.remote(False))
            print("after reload", reader.remote(True))
            print("open", reloads_with_an_open_file.remote())
            print("from here", b"".join(volume.read_file("deep/note.txt")))
            forgets_to_commit.remote()
        """,
    )
    said = modal("run", "app.py")
    assert "at first None" in said.lines
    assert "before reload None" in said.lines
    assert "after reload one" in said.lines
    assert "are open" in next(line for line in said.lines if line.startswith("open "))
    assert "from here b'one'" in said.lines
    assert modal("volume", "get", "tour-shared", "late.txt", "-").content == "committed at the exit"
    modal("volume", "delete", "--yes", "tour-shared")


def test_a_container_uses_the_library_too_on_a_volume_that_it_has_mounted_or_not(modal, write):
    write(
        "app.py",
        """
        import io
        import os

        import modal

        app = modal.App("tour-volume-inside")
        volume = modal.Volume.from_name("tour-inside", create_if_missing=True)


        @app.function(volumes={"/data": volume})
        def mounted():
            with open("/data/a.txt", "w") as file:
                file.write("written")
            volume.commit()
            print("listed", [(entry.path, entry.size) for entry in volume.listdir("/")])
            with volume.batch_upload() as batch:
                batch.put_file(io.BytesIO(b"uploaded"), "/b.txt")
            print("before", os.listdir("/data"))
            volume.reload()
            print("after", open("/data/b.txt").read())
            volume.remove_file("a.txt")
            volume.reload()
            print("left", os.listdir("/data"))


        @app.function()
        def not_mounted():
            print("read", b"".join(volume.read_file("b.txt")))
            try:
                volume.commit()
            except Exception as error:
                print("refused", error)


        @app.local_entrypoint()
        def main():
            mounted.remote()
            not_mounted.remote()
        """,
    )
    said = modal("run", "app.py")
    assert "listed [('a.txt', 7)]" in said.lines
    assert "before ['a.txt']" in said.lines
    assert "after uploaded" in said.lines
    assert "left ['b.txt']" in said.lines
    assert "read b'uploaded'" in said.lines
    assert "volumes=" in next(line for line in said.lines if line.startswith("refused "))
    modal("volume", "delete", "--yes", "tour-inside")


@pytest.mark.once_as("user")
@pytest.mark.parametrize("version", [1, 2])
def test_the_python_library_uploads_lists_reads_and_removes(python, write, version):
    write("local.txt", "from a file")
    write(
        "script.py",
        """
        import io
        import sys

        import modal

        version = int(sys.argv[1])
        volume = modal.Volume.from_name(f"tour-library-{version}", create_if_missing=True, version=version)
        with volume.batch_upload() as batch:
            batch.put_file("local.txt", "/in/local.txt")
            batch.put_file(io.BytesIO(bytes(9 << 20)), "/in/big.bin")
        print("entries", sorted((entry.path, entry.size) for entry in volume.listdir("/", recursive=True)))
        print("read", b"".join(volume.read_file("in/local.txt")))
        print("bytes", sum(map(len, volume.read_file("in/big.bin"))))
        volume.remove_file("in/big.bin")
        print("left", [entry.path for entry in volume.listdir("/in")])
        try:
            list(volume.read_file("in/big.bin"))
        except FileNotFoundError as error:
            print("gone", error)
        modal.Volume.objects.delete(f"tour-library-{version}")
        """,
    )
    said = python("script.py", version)
    entries = next(line for line in said.lines if line.startswith("entries"))
    assert "('in/local.txt', 11)" in entries
    assert f"('in/big.bin', {9 << 20})" in entries
    assert "read b'from a file'" in said.lines
    assert f"bytes {9 << 20}" in said.lines
    assert "left ['in/local.txt']" in said.lines
    assert any(line.startswith("gone") for line in said.lines)


@pytest.mark.once_as("root")
def test_a_volume_that_does_not_exist_is_named_with_the_command_that_creates_it(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-no-volume")


        @app.function(volumes={"/data": modal.Volume.from_name("weights-of-nobody")})
        def train():
            print("never")
        """,
    )
    said = modal("run", "app.py", fails=True)
    assert "weights-of-nobody" in said.err
    assert "modal volume create weights-of-nobody" in said.err


def test_a_read_only_mount_refuses_writes(modal, write, account):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-read-only")
        volume = modal.Volume.from_name("tour-read-only", create_if_missing=True)


        @app.function(volumes={"/data": volume.with_mount_options(read_only=True)})
        def train():
            try:
                open("/data/x", "w")
            except OSError as error:
                print("refused:", error.strerror)
        """,
    )
    reason = "Permission denied" if excused(account, "reason") else "Read-only file system"
    assert f"refused: {reason}" in modal("run", "app.py").lines
    modal("volume", "delete", "--yes", "tour-read-only")
