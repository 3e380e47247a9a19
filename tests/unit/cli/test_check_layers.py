"""Images that are built here, found by what the client asked for: their files are compared whole."""

import pytest
from modal_proto import api_pb2

from homeport.check.container.built import Definition
from homeport.cli.check_layers import _follows

COMMANDS = (
    "FROM base",
    "COPY /.requirements.txt /.requirements.txt",
    "RUN python -m pip install -r /.requirements.txt",
)


def stored(content: bytes) -> bytes:
    return api_pb2.Image(
        base_images=[api_pb2.BaseImage(image_id="im-1", docker_tag="base")],
        dockerfile_commands=COMMANDS,
        context_files=[api_pb2.ImageContextFile(filename="/.requirements.txt", data=content)],
    ).SerializeToString()


@pytest.mark.parametrize("content", [b"numpy\n", b"numpy\npyyaml\n", b"numpy\n" * 40])
def test_an_image_is_found_by_the_same_requirements(content: bytes) -> None:
    assert _follows(stored(content), {b"im-1"}, Definition(COMMANDS, (content,)))


@pytest.mark.parametrize("content", [b"", b"numpy\n", b"pyyaml\n", b"numpy\npyyaml\ntqdm\n"])
def test_an_image_with_more_requirements_or_others_is_another(content: bytes) -> None:
    assert not _follows(stored(b"numpy\npyyaml\n"), {b"im-1"}, Definition(COMMANDS, (content,)))
