"""Image.run_function: a function runs while the image is built, and what it wrote is a layer."""

import re

import pytest

DOWNLOAD = """
    import os

    import modal

    SIZE = 3
    volume = modal.Volume.from_name("tour-run-function", create_if_missing=True)


    def download(name, *, shards=1):
        import pathlib
        import time

        print("downloading", name, "with", len(os.environ["HF_TOKEN"]), "letters", flush=True)
        pathlib.Path("/opt/weights").mkdir()
        for number in range(shards):
            pathlib.Path(f"/opt/weights/{number}.bin").write_bytes(b"x" * SIZE)
        pathlib.Path("/usr/local/share/when").write_text(str(time.time()))
        pathlib.Path("/cache/seen").write_text("by the build")
        os.unlink("/srv/draft")
        return lambda: "a result that cannot be pickled is not needed"


    image = (
        modal.Image.debian_slim()
        .run_commands("touch /srv/draft /srv/kept")
        .run_function(
            download,
            args=("cats",),
            kwargs={"shards": 2},
            secrets=[modal.Secret.from_dict({"HF_TOKEN": "hf-7hf8sl2"})],
            volumes={"/cache": volume},
            cpu=0.25,
            timeout=60,
        )
        .run_commands("ls /opt/weights > /opt/list")
    )
    app = modal.App("tour-run-function", image=image)


    @app.function(volumes={"/cache": volume})
    def look():
        from pathlib import Path

        print("FILES", *Path("/opt/list").read_text().split(), Path("/opt/weights/1.bin").stat().st_size)
        print("SRV", *sorted(os.listdir("/srv")), "TOKEN" if "HF_TOKEN" in os.environ else "no token")
        print("VOLUME", Path("/cache/seen").read_text())
        print("WHEN", Path("/usr/local/share/when").read_text())
    """


@pytest.mark.once_as("user")
def test_a_function_runs_once_in_the_image_and_what_it_wrote_stays(modal, write, engine):
    write("app.py", DOWNLOAD)

    def run(**options):
        said = modal("run", "app.py", **options)
        found = {line.split()[0]: line.split()[1:] for line in said.lines if line.split()[0].isupper()}
        return found, said

    first, said = run()
    assert said.out.count("downloading cats with 10 letters") == 1
    assert "run_function(download)" in said.text
    assert first["FILES"] == ["0.bin", "1.bin", "3"]
    assert first["SRV"] == ["kept", "no", "token"]
    assert first["VOLUME"] == ["by", "the", "build"]
    app_id = re.search(r"ap-\w{22}", said.text)[0]
    assert "downloading" not in modal("app", "logs", app_id).out, "it is the build's log"

    again, said = run()
    assert again == first
    assert "downloading" not in said.text
    write("app.py", DOWNLOAD.replace("SIZE = 3", "SIZE = 4"))
    larger, said = run()
    assert "downloading" in said.text, "a global that it uses belongs to it"
    assert larger["FILES"][2] == "4"
    write("app.py", DOWNLOAD)
    assert run()[0] == first

    layers = [path for path in engine.layers() if (path / "opt/weights").is_dir()]
    assert len(layers) == 2
    for layer in layers:
        written = {str(path.relative_to(layer)) for path in layer.rglob("*") if not path.is_dir()}
        expected = {"opt/weights/0.bin", "opt/weights/1.bin", "usr/local/share/when", "srv/draft"}
        assert written == expected, "nothing of the container's own is in the layer"


@pytest.mark.once_as("root")
def test_a_build_function_that_fails_shows_its_traceback_and_leaves_no_layer(modal, write, engine):
    app = """
        import modal


        def prepare():
            print("looking for the weights", flush=True)
            {line}


        image = modal.Image.debian_slim().run_function(prepare, timeout=5)
        app = modal.App("tour-run-function-fails", image=image)


        @app.function()
        def look():
            print("it was built")
        """
    write("app.py", app.format(line="pass"))
    modal("run", "app.py")
    layers = {path.name for path in engine.layers()}

    write("app.py", app.format(line="raise ValueError('no such weights')"))
    said = modal("run", "app.py", fails=True)
    assert "looking for the weights" in said.text
    assert re.search(r'File "/root/app.py", line \d+, in prepare', said.text)
    assert "run_function(prepare) raised ValueError('no such weights')" in said.text
    assert "it was built" not in said.text

    write("app.py", app.format(line="import os; os._exit(3)"))
    assert "run_function(prepare) did not come to its end" in modal("run", "app.py", fails=True).text
    write("app.py", app.format(line="import time; time.sleep(60)"))
    assert "hit its timeout of 5s" in modal("run", "app.py", fails=True).text
    write("app.py", app.format(line="import no_such_module"))
    assert "No module named 'no_such_module'" in modal("run", "app.py", fails=True).text
    assert {path.name for path in engine.layers()} == layers, "no half layer stays"
