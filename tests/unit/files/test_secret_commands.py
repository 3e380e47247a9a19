"""`modal secret …`, and blobs and mounts as the real client sends them."""

import json
from pathlib import Path

from tests.unit.files.served import Served


def test_create_list_delete(served: Served) -> None:
    made = served.modal("secret", "create", "wandb", "KEY=hidden value", "OTHER=2")
    assert "hidden value" not in made.stdout
    again = served.modal("secret", "create", "wandb", "KEY=2", check=False)
    assert again.returncode != 0
    assert "'wandb'" in again.stderr + again.stdout
    served.modal("secret", "create", "--force", "wandb", "KEY=3")
    listed = json.loads(served.modal("secret", "list", "--json").stdout)
    assert [row["name"] for row in listed] == ["wandb"]
    served.modal("secret", "delete", "-y", "wandb")
    missing = served.modal("secret", "delete", "-y", "wandb", check=False)
    assert "modal secret create wandb KEY=VALUE" in missing.stderr + missing.stdout


def test_required_keys_and_updates_by_the_sdk(served: Served) -> None:
    script = """
import modal
modal.Secret.objects.create("s", {"A": "1"})
secret = modal.Secret.from_name("s", required_keys=["A"])
secret.hydrate()
try:
    modal.Secret.from_name("s", required_keys=["A", "B"]).hydrate()
    raise SystemExit("no error")
except modal.exception.NotFoundError as error:
    assert "required key B" in str(error), error
secret.update({"B": "2"})
modal.Secret.from_name("s", required_keys=["A", "B"]).hydrate()
assert secret.info().name == "s"
print("done")
"""
    done = served.client("-c", script, check=False)
    assert done.stdout == "done\n", done.stderr


def test_a_mount_with_large_and_small_files(served: Served, tmp_path: Path) -> None:
    tree = tmp_path / "code"
    (tree / "pkg").mkdir(parents=True)
    (tree / "pkg" / "small.py").write_text("1")
    (tree / "pkg" / "run.sh").write_text("#!/bin/sh")
    (tree / "pkg" / "run.sh").chmod(0o755)
    (tree / "pkg" / "large.bin").write_bytes(bytes(range(256)) * 20_000)  # past what a message carries
    script = f"""
import modal
from modal.mount import Mount
mount = Mount._from_local_dir({str(tree)!r}, remote_path="/root/code")
with modal.enable_output():
    mount._deploy("m")
print(mount.object_id)
"""
    done = served.client("-c", script, check=False)
    assert done.returncode == 0, done.stderr
    (tree_here,) = [folder for folder in served.home.mounts.iterdir() if folder.is_dir()]
    got = {str(p.relative_to(tree_here)): p.read_bytes() for p in tree_here.rglob("*") if p.is_file()}
    assert got == {
        f"root/code/pkg/{name}": (tree / "pkg" / name).read_bytes()
        for name in ("small.py", "run.sh", "large.bin")
    }
    assert (tree_here / "root/code/pkg/run.sh").stat().st_mode & 0o111


def test_multipart_blobs_by_the_client(served: Served) -> None:
    from homeport.control import blobs as blobs_module

    before = blobs_module.MULTIPART_FROM_BYTES, blobs_module.PART_BYTES
    blobs_module.MULTIPART_FROM_BYTES, blobs_module.PART_BYTES = 5_000_000, 2_000_000
    script = """
import asyncio, os, modal
from modal.client import _Client
from modal._utils.blob_utils import blob_upload, blob_download
async def main():
    client = await _Client.from_env()
    for size in (3_000_000, 5_000_001):
        data = os.urandom(size)
        assert await blob_download(await blob_upload(data, client._stub), client._stub) == data
from modal._utils.async_utils import synchronizer, synchronize_api
synchronize_api(main)()
print("done")
"""
    try:
        done = served.client("-c", script, check=False)
    finally:
        blobs_module.MULTIPART_FROM_BYTES, blobs_module.PART_BYTES = before
    assert done.stdout == "done\n", done.stderr
