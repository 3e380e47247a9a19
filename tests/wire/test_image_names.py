"""Images by their id and by a name: published, found, listed, forgotten, deleted."""

import json

import pytest

pytestmark = pytest.mark.once_as("root")

BUILD = """
    import modal
    from modal.experimental import image_delete

    app = modal.App("wire-image-names")
    with app.run():
        first = modal.Image.debian_slim().run_commands("echo one > /opt/number").build(app)
        second = modal.Image.debian_slim().run_commands("echo two > /opt/number").build(app)
        first.publish("cats:v1")
        first.publish("cats")
        second.publish("cats")
        print("IDS", first.object_id, second.object_id)
    again = modal.Image.from_id(first.object_id)
    with modal.App("wire-image-again").run() as running:
        print("AGAIN", again.build(running).object_id == first.object_id)
    """

USE = """
    import modal

    app = modal.App("wire-image-use")


    @app.function(image=modal.Image.from_name("cats"), serialized=True)
    def latest():
        print("LATEST", open("/opt/number").read().strip())


    @app.function(image=modal.Image.from_name("main/cats:v1"), serialized=True)
    def first():
        print("FIRST", open("/opt/number").read().strip())


    @app.local_entrypoint()
    def main():
        latest.remote()
        first.remote()
    """


def test_an_image_is_published_and_used_by_its_name(modal, python, homeport, write):
    write("build.py", BUILD)
    write("use.py", USE)
    said = python("build.py")
    assert "AGAIN True" in said.lines
    first, second = next(line.split()[1:] for line in said.lines if line.startswith("IDS"))
    assert "removed" in homeport("image", "prune", "--all").out, "what has a name stays"
    said = modal("run", "use.py")
    assert "LATEST two" in said.lines
    assert "FIRST one" in said.lines

    names = json.loads(modal("image", "names", "list", "--json").out)
    assert {entry["tag"]: entry["image_id"] for entry in names} == {"cats:v1": first, "cats:latest": second}
    history = json.loads(modal("image", "names", "history", "cats", "--json").out)
    assert [entry["image_id"] for entry in history] == [second, first]

    write("delete.py", f"from modal.experimental import image_delete; image_delete({first!r})")
    assert "in use" in python("delete.py", fails=True).text
    for name in ("cats:v1", "cats:latest"):
        modal("image", "names", "delete", name, "--yes")
    assert "No image is published as cats:latest" in modal("run", "use.py", fails=True).text
    python("delete.py")
    assert "There is no image" in homeport("image", "show", first, fails=True).err
    write(
        "gone.py",
        f"import modal; modal.Image.from_id({first!r}).build(modal.App.lookup('x', create_if_missing=True))",
    )
    assert f"There is no image {first}" in python("gone.py", fails=True).text


def test_the_log_of_a_build_is_shown_by_its_image(modal, python, write):
    write(
        "build.py",
        """
        import modal

        app = modal.App("wire-image-logs")
        image = modal.Image.debian_slim().run_commands("echo lower words").run_commands("echo upper words")
        with app.run():
            print("ID", image.build(app).object_id)
        """,
    )
    image_id = next(line.split()[1] for line in python("build.py").lines if line.startswith("ID"))
    said = modal("image", "logs", image_id)
    assert "upper words" in said.out
    assert "lower words" not in said.out
    said = modal("image", "logs", image_id, "--all")
    assert said.out.index("lower words") < said.out.index("upper words")
    assert "There is no image" in modal("image", "logs", "im-0000000000000000000000", fails=True).text
