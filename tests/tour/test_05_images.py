"""Images: every step is really executed, once; what changed is built again, and nothing else."""

import re

import pytest


def test_packages_from_pip_uv_and_a_requirements_file(modal, write):
    write("requirements.txt", "# what the app needs\nidna==3.10\n")
    write("cats/__init__.py", "BREEDS = 12\n")
    write("data/a.txt", "a")
    write(
        "app.py",
        """
        import sys

        import modal

        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        image = (
            modal.Image.debian_slim(python_version=version)
            .pip_install("iniconfig==2.1.0")
            .uv_pip_install("six==1.17.0")
            .pip_install_from_requirements("requirements.txt")
            .env({"CATS": "12"})
            .run_commands(
                "mkdir -p /srv/cats && echo built by $(id -u) > /srv/cats/note",
                "echo second >> /srv/cats/note",
            )
            .workdir("/srv/cats")
            .add_local_file("requirements.txt", "/srv/requirements.txt", copy=True)
            .add_local_dir("data", "/srv/data", copy=True)
            .add_local_python_source("cats", copy=True)
            .run_commands("wc -l < /srv/requirements.txt > /srv/lines", "cat /srv/data/a.txt >> /srv/lines")
        )
        app = modal.App("tour-image", image=image)

        with image.imports():
            import cats
            import idna
            import iniconfig
            import six


        @app.function()
        def look():
            import os
            from importlib.metadata import version as installed
            from pathlib import Path

            print("versions", installed("iniconfig"), six.__version__, idna.__version__, iniconfig.__name__)
            print("cwd", os.getcwd(), os.environ["CATS"], "lines", Path("/srv/lines").read_text().split())
            print("python", sys.version_info[:2] == tuple(map(int, version.split("."))), cats.BREEDS)
            print("note", Path("note").read_text().split())
        """,
    )
    said = modal("run", "app.py")
    assert "versions 2.1.0 1.17.0 3.10 iniconfig" in said.lines
    assert "cwd /srv/cats 12 lines ['2', 'a']" in said.lines
    assert "python True 12" in said.lines
    assert "note ['built', 'by', '0', 'second']" in said.lines


LAYERED = """
    import modal

    image = (
        modal.Image.debian_slim()
        .run_commands("date +%s%N > /srv/first")
        .add_local_file("config.txt", "/srv/config.txt", copy=True)
        .run_commands("date +%s%N > /srv/second")
        .add_local_file("mounted.txt", "/srv/mounted.txt")
    )
    app = modal.App("tour-cache", image=image)


    @app.function()
    def look():
        from pathlib import Path

        names = ["first", "second", "config.txt", "mounted.txt"]
        print("BUILT", *[Path("/srv", name).read_text().strip() for name in names])
    """


def test_a_second_run_builds_nothing_and_a_changed_file_only_what_copies_it(modal, write):
    write("app.py", LAYERED)
    write("config.txt", "one")
    write("mounted.txt", "one")

    def run(**options):
        said = modal("run", "app.py", **options)
        return next(line for line in said.lines if line.startswith("BUILT")).split()[1:], said

    (first, second, *_), said = run()
    assert "RUN date +%s%N > /srv/first" in said.text
    again, said = run()
    assert again == [first, second, "one", "one"]
    assert "RUN" not in said.text

    write("mounted.txt", "two")
    assert run()[0] == [first, second, "one", "two"]

    write("config.txt", "two")
    (first_now, second_now, config, mounted), _ = run()
    assert (first_now, config, mounted) == (first, "two", "two")
    assert second_now != second

    ignoring, _ = run(env={"MODAL_IGNORE_CACHE": "1"})
    assert ignoring[0] != first
    assert run()[0][:2] == [first, second_now], "what ignored the cache takes no place in it"
    forced, _ = run(env={"MODAL_FORCE_BUILD": "1"})
    assert forced[0] not in (first, ignoring[0])
    assert run()[0] == forced, "a forced build takes the place of the known one"


@pytest.mark.once_as("root")
def test_a_failing_step_shows_its_last_lines_its_status_and_the_instruction(modal, write, engine):
    app = """
        import modal

        image = modal.Image.debian_slim().run_commands("echo one; echo the last words >&2; {end}")
        app = modal.App("tour-failing-step", image=image)


        @app.function()
        def look():
            print("it was built")
        """
    write("app.py", app.format(end="exit 0"))
    modal("run", "app.py")
    layers = {path.name for path in engine.layers()}
    write("app.py", app.format(end="exit 7"))
    said = modal("run", "app.py", fails=True)
    assert "the last words" in said.text
    assert "RUN echo one; echo the last words >&2; exit 7" in said.text
    assert re.search(r"(status|code):? 7", said.text)
    assert "it was built" not in said.lines
    assert {path.name for path in engine.layers()} == layers, "no half layer stays"
    write("app.py", app.format(end="true"))
    assert "it was built" in modal("run", "app.py").lines


@pytest.mark.once_as("user")
def test_a_package_that_does_not_exist_fails_the_build_with_its_name(modal, write):
    write(
        "app.py",
        """
        import modal

        image = modal.Image.debian_slim().pip_install("idna==0.0.999")
        app = modal.App("tour-no-package", image=image)


        @app.function()
        def look():
            print("never")
        """,
    )
    said = modal("run", "app.py", fails=True)
    assert "idna" in said.text
    assert "0.0.999" in said.text
