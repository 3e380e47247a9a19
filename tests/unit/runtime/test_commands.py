"""Build steps: what they see, the layer that they leave, and that nothing goes on after them."""

import asyncio
from pathlib import Path

import pytest

from homeport.model.errors import ContainerStartError
from homeport.runtime.commands import Bind, CommandSpec, run_command
from homeport.runtime.identity import own
from tests.unit.runtime.box import Place

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"}


def spec(place: Place, script: str, *layers: Path, name: str = "new", **changes: object) -> CommandSpec:
    base = place.image.layers[0]
    fields: dict[str, object] = {
        "argv": ("/bin/sh", "-ec", script),
        "layers": (*layers, base),
        "upper": place.home.layers / name,
        "env": ENV,
        "host_usr": True,
    }
    return CommandSpec(**{**fields, **changes})  # type: ignore[arg-type]


def run(command: CommandSpec) -> tuple[int, str]:
    output: list[bytes] = []
    status = asyncio.run(run_command(command, output.append))
    return status, b"".join(output).decode()


def test_output_and_status(place: Place) -> None:
    script = "env | sort; pwd; echo problem >&2; hostname; exit 3"
    status, output = run(spec(place, script, workdir="/var"))
    lines = ["HOME=/root", f"PATH={ENV['PATH']}", "PWD=/var", "/var", "problem", "modal"]
    assert (status, output.splitlines()) == (3, lines)
    assert run(spec(place, "kill -9 $$"))[0] == 137
    assert run(spec(place, "", argv=("no-such-program",)))[0] == 127


def test_what_was_written_is_one_layer(place: Place) -> None:
    script = "mkdir -p /usr/local/lib/x; echo 1 > /usr/local/lib/x/y; echo 2 > /root/z; rmdir /var/tmp"
    assert run(spec(place, script))[0] == 0
    layer = place.home.layers / "new"
    assert (layer / "usr/local/lib/x/y").read_text() == "1\n"
    assert (layer / "root/z").read_text() == "2\n"
    assert (layer / "var/tmp").is_char_device()
    assert not (layer / "etc/hosts").exists() or (layer / "etc/hosts").read_text() == ""
    assert {path.name for path in place.home.layers.iterdir()} == {"base", "bundle", "new"}


def test_a_layer_lies_on_the_ones_before(place: Place) -> None:
    run(spec(place, "mkdir -p /usr/local/a /opt; echo 1 > /usr/local/a/1; echo 1 > /opt/1", name="one"))
    one = place.home.layers / "one"
    status, _ = run(
        spec(place, "rm /usr/local/a/1; rm -r /opt; mkdir /opt; echo 2 > /opt/2", one, name="two")
    )
    assert status == 0
    two = place.home.layers / "two"
    status, output = run(spec(place, "ls /usr/local/a /opt", two, one, name="three"))
    assert (status, output) == (0, "/opt:\n2\n\n/usr/local/a:\n")


def test_a_layer_may_be_continued(place: Place) -> None:
    run(spec(place, "mkdir /usr/local/a; echo 1 > /usr/local/a/1; echo 1 > /root/1"))
    status, output = run(spec(place, "cat /usr/local/a/1 /root/1; echo 2 > /usr/local/a/2"))
    assert (status, output) == (0, "1\n1\n")
    assert {path.name for path in (place.home.layers / "new/usr/local/a").iterdir()} == {"1", "2"}


def test_files_of_this_machine_are_shown_where_asked(place: Place) -> None:
    private = place.home.root.parent / "private"
    private.mkdir(mode=0o700)
    (private / "pip.conf").write_text("[global]\n")
    cache = private / "cache"
    cache.mkdir()
    own(cache)
    binds = (Bind(private / "pip.conf", "/etc/pip.conf"), Bind(cache, "/cache", read_only=False))
    script = "cat /etc/pip.conf; echo x > /cache/x; echo y > /etc/pip.conf || echo refused"
    status, output = run(spec(place, script, binds=binds))
    assert status == 0 and output.startswith("[global]\n") and output.endswith("refused\n")
    assert (cache / "x").read_text() == "x\n"
    assert (private / "pip.conf").read_text() == "[global]\n"


def test_what_a_step_leaves_running_ends_with_it(place: Place) -> None:
    status, _ = run(spec(place, "sleep 1000 & setsid sleep 1000 & exit 0"))
    assert status == 0  # the place's own check finds any process that is left


def test_a_cancelled_step_ends_at_once(place: Place) -> None:
    async def check() -> None:
        started = asyncio.Event()
        command = spec(place, "trap '' TERM; sleep 1000 & echo started; wait")
        running = asyncio.create_task(run_command(command, lambda output: started.set()))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 5)

    asyncio.run(check())


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.01, 0.03, 0.06])
def test_a_step_may_be_cancelled_at_any_time(place: Place, delay_s: float) -> None:
    async def check() -> None:
        running = asyncio.create_task(run_command(spec(place, "sleep 1000"), lambda output: None))
        await asyncio.sleep(delay_s)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 5)
        assert {path.name for path in place.home.layers.iterdir()} <= {"base", "bundle", "new"}

    asyncio.run(check())


def test_a_layer_that_is_not_there_is_named(place: Place) -> None:
    with pytest.raises(ContainerStartError, match="nowhere"):
        run(spec(place, "true", place.home.layers / "nowhere"))


def test_hundreds_of_layers(place: Place) -> None:
    layers = []
    for number in range(120):
        layer = place.home.layers / f"layer-with-quite-a-long-name-{number}"
        (layer / "opt").mkdir(parents=True)
        (layer / "opt" / str(number)).touch()
        own(layer)
        layers.append(layer)
    status, output = run(spec(place, "ls /opt | wc -l", *layers))
    assert (status, output) == (0, "120\n")
