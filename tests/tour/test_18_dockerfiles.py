"""Images that others made: a Dockerfile of several stages, and an image of a registry."""

import base64
import json
import sys

import pytest

from tests.support.registries import (
    Entry,
    answer,
    busybox_layer,
    c_library_layer,
    fake_registry,
    make_image,
    need,
    real_registry,
)

SERIES = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.once_as("user")
def test_a_dockerfile_of_several_stages(modal, write):
    write("data/cats.txt", "Tom\n")
    write("data/secret.txt", "not for the image\n")
    write(".dockerignore", "**/secret.txt\n")
    write(
        "Dockerfile",
        f"""
        # syntax=docker/dockerfile:1
        ARG PYTHON={SERIES}
        FROM python:${{PYTHON}}-slim AS build
        ARG GREETING=nobody
        WORKDIR /src
        COPY data /src/data
        RUN --mount=type=cache,target=/cache <<EOF
        echo "hello $GREETING" > greeting
        ls data > listing
        EOF

        FROM python:${{PYTHON}}-slim
        LABEL of=cats
        SHELL ["/bin/bash", "-o", "pipefail", "-c"]
        COPY --from=build /src/greeting /src/listing /app/
        COPY <<-'EOF' /entry.sh
        #!/bin/sh
        export FROM_ENTRYPOINT="started with $#"
        exec "$@"
        EOF
        RUN chmod +x /entry.sh && [[ -x /entry.sh ]]
        WORKDIR /app
        USER nobody
        ENTRYPOINT ["/entry.sh"]
        """,
    )
    write(
        "app.py",
        """
        import modal

        image = modal.Image.from_dockerfile("Dockerfile", build_args={"GREETING": "cats"})
        app = modal.App("tour-dockerfile", image=image)


        @app.function()
        def look():
            import os
            from pathlib import Path

            print("found", Path("greeting").read_text().strip(), Path("listing").read_text().split())
            print("who", os.getuid(), os.environ["FROM_ENTRYPOINT"], os.getcwd())
        """,
    )
    said = modal("run", "app.py")
    assert "found hello cats ['cats.txt']" in said.lines
    assert "who 0 started with 3 /app" in said.lines

    write("Dockerfile", f"FROM python:{SERIES}-slim\nRUN true\n\nRUNN true\n")
    said = modal("run", "app.py", fails=True)
    assert "Line 4: 'RUNN' is no Dockerfile instruction" in said.text


@pytest.mark.once_as("root")  # add_python needs a Python that another account may not reach
def test_an_image_of_a_registry(modal, write, tmp_path):
    """A C library and a shell, and the Python that add_python brings."""
    need("ldd")
    tmp_path.chmod(0o755)
    image = make_image(
        [*busybox_layer(), Entry("etc/motto", b"who sits, fits\n")],
        c_library_layer(),
        config={"Env": ["PATH=/usr/local/bin:/bin", "MOTTO=/etc/motto"], "WorkingDir": "/srv"},
    )
    with real_registry(tmp_path) as registry:
        name = registry.push(image, "cats/base:1")
        write(
            "app.py",
            f"""
            import modal

            image = (
                modal.Image.from_registry("{name}", add_python="{SERIES}")
                .pip_install("six==1.17.0")
                .run_commands("cat $MOTTO > /made")
            )
            app = modal.App("tour-registry", image=image)


            @app.function()
            def look():
                import os
                import ssl
                import sys
                from pathlib import Path

                import six

                print("made", Path("/made").read_text().strip(), six.__version__, os.getcwd())
                print("python", sys.prefix, ssl.OPENSSL_VERSION.split()[0], sys.version_info[:2])


            @app.function(image=modal.Image.from_registry("{name}"))
            def without():
                pass
            """,
        )
        try:
            said = modal("run", "app.py::look")
        except AssertionError as error:
            if "runs in any image, and there is none of" in str(error):
                pytest.skip("this account has no Python but Debian's, and cannot fetch one")
            raise
        assert "made who sits, fits 1.17.0 /srv" in said.lines
        assert f"python /usr/local OpenSSL {sys.version_info[:2]}" in said.lines
        said = modal("run", "app.py::without", fails=True)
        assert "has no `python` on its PATH" in said.text and "add_python=" in said.text


@pytest.mark.once_as("user")
def test_an_alias_stands_for_an_image_that_cannot_be_had(homeport, modal, write):
    write(
        "app.py",
        f"""
        import modal

        app = modal.App("tour-alias")


        @app.function(image=modal.Image.from_registry("cats.invalid/team/cuda:12.4"))
        def look():
            import sys

            print("python", sys.version_info[:2] == {sys.version_info[:2]})
        """,
    )
    said = modal("run", "app.py", fails=True)
    assert "cannot be pulled" in said.text
    assert "homeport image alias 'cats.invalid/team/cuda:*' debian" in said.text.replace("\n", " ")

    pattern, target = "cats.invalid/team/*", f"python:{SERIES}-slim"
    assert f"{target} stands for {pattern}" in homeport("image", "alias", pattern, target).out
    assert json.loads(homeport("image", "alias", "--format", "json").out)["aliases"] == {pattern: target}
    said = modal("run", "app.py")
    assert "python True" in said.lines
    assert f"{target} is used" in said.text.replace("\n", " ")
    assert pattern in homeport("image", "alias").out
    homeport("image", "alias", "--remove", pattern)
    assert "There are no aliases" in homeport("image", "alias").out
    assert "cannot fit" in homeport("image", "alias", "No Image", "debian", fails=True).err
    assert "There is no alias" in homeport("image", "alias", "--remove", "x", fails=True).err


@pytest.mark.once_as("user")
def test_a_login_to_a_registry_comes_out_of_a_secret(modal, write):
    need("skopeo")
    right = "Basic " + base64.b64encode(b"tom:sits-and-fits").decode()

    def before(handler):
        if handler.headers.get("Authorization") == right:
            return False
        challenge = {"WWW_Authenticate": 'Basic realm="cats"'}
        answer(handler, b'{"errors": [{"code": "UNAUTHORIZED"}]}', "application/json", 401, **challenge)
        return True

    with fake_registry() as registry:
        registry.before = before
        name = registry.put("cats/closed:1", make_image(busybox_layer()))
        app = write(
            "app.py",
            f"""
            import modal

            login = modal.Secret.from_dict(
                {{"REGISTRY_USERNAME": "tom", "REGISTRY_PASSWORD": "sits-and-fits"}}
            )
            image = modal.Image.from_registry("{name}", secret=login).run_commands("ls /bin")
            app = modal.App("tour-login")


            @app.function(image=image, serialized=True)
            def inside():
                pass


            @app.function(image=modal.Image.from_registry("{name}"), serialized=True)
            def outside():
                pass
            """,
        )
        said = modal("run", "app.py::inside", fails=True)
        assert "wants a login" in said.text  # of the other function's image
        app.write_text(app.read_text().partition("@app.function(image=modal")[0])
        said = modal("run", "app.py::inside", fails=True)
        assert "busybox" in said.text and "has no `python`" in said.text
        assert "sits-and-fits" not in said.text
