"""What images take on disk, and how that is got back: `homeport image list`, `show`, `prune`, `export`."""

import json
import tarfile

import pytest

pytestmark = pytest.mark.once_as("user")

APP = """
    import modal

    image = modal.Image.debian_slim().run_commands("head -c 3000000 /dev/zero > /opt/{name}")
    image = image.env({{"CATS": "12"}})
    app = modal.App("tour-cache-{name}", image=image)


    @app.function()
    def look():
        print("BUILT", __import__("os").path.getsize("/opt/{name}"))
    """


def test_images_are_listed_shown_and_pruned(modal, homeport, write):
    write("app.py", APP.format(name="mine"))
    write("kept.py", APP.format(name="kept"))
    modal("run", "app.py")
    modal("deploy", "kept.py")

    table = homeport("image", "list")
    assert "tour-cache-mine" in table.out
    images = json.loads(homeport("image", "list", "--all", "--format", "json").out)["images"]
    mine = next(image for image in images if "tour-cache-mine" in image["apps"] and image["runs"])
    assert mine["used_at"] and mine["size_bytes"] > 3_000_000
    assert mine["env"]["CATS"] == "12"
    shown = homeport("image", "show", mine["image_id"][:12]).out
    assert "RUN head -c 3000000 /dev/zero > /opt/mine" in shown
    assert "CATS=12" in shown

    said = json.loads(homeport("image", "prune", "--all", "--dry-run", "--format", "json").out)
    assert mine["image_id"] in said["image_ids"]
    assert said["freed_bytes"] > 3_000_000
    assert homeport("image", "show", mine["image_id"])
    assert "removed" in homeport("image", "prune", "--all").out
    assert "There is no image" in homeport("image", "show", mine["image_id"], fails=True).err
    left = homeport("image", "list", "--all").out
    assert "tour-cache-kept" in left, "a deployed app needs it"
    assert mine["image_id"] not in left
    assert "BUILT 3000000" in modal("run", "app.py").lines
    modal("app", "stop", "tour-cache-kept", "--yes")


def test_an_image_without_this_machines_userland_is_exported(python, homeport, write, folder):
    write("note.txt", "meow")
    write(
        "build.py",
        """
        import modal

        app = modal.App("tour-export")
        image = modal.Image.from_scratch().add_local_file("note.txt", "/srv/note.txt", copy=True)
        with app.run():
            print("ID", image.build(app).object_id)
        """,
    )
    image_id = next(line.split()[1] for line in python("build.py").lines if line.startswith("ID"))
    assert "root.tar" in homeport("image", "export", image_id, "root.tar").err
    with tarfile.open(folder / "root.tar") as tar:
        assert tar.extractfile("srv/note.txt").read() == b"meow"
    assert "--force" in homeport("image", "export", image_id, "root.tar", fails=True).err
    homeport("image", "export", image_id, "oci.tar", "--format", "oci")
    with tarfile.open(folder / "oci.tar") as tar:
        index = json.load(tar.extractfile("index.json"))
    assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == image_id
    assert "no image" in homeport("image", "export", "im-none", "x.tar", fails=True).err
