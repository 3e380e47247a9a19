"""Fixtures of the tests that run a real engine: accounts, engines, the commands that a user types.

Tests that use `account` (most do, through `modal`) run twice: as root and as an ordinary user. Each account
has one engine for the whole session, since a first image takes seconds; names of apps keep tests apart.
"""

import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import client
from tests.support.account import BIN, Account, open_account
from tests.support.commands import Command
from tests.support.engine import Engine
from tests.support.excused import skip_excused
from tests.support.leaks import adopt_orphans, assert_nothing_left, descendants, left_behind
from tests.support.terminal import Terminal

MODES = ("root", "user")
CLOSED_MODES = ("closed-root", "closed-user")

# A shell that runs the tests in the background has SIGINT ignored, and every process of theirs inherits it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_FAILED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--closed", action="store_true", help="where namespaces are closed: all containers run under proot"
    )
    parser.addoption(
        "--every-file", action="store_true", help="check each file of the standard library and site-packages"
    )
    parser.addoption("--client-version", help="the official client that tests use, such as 1.4.3")


def pytest_configure(config: pytest.Config) -> None:
    if version := config.getoption("--client-version"):
        try:
            client.use(version)
        except LookupError as error:
            raise pytest.UsageError(f"--client-version {version}: {error}") from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "account" in metafunc.fixturenames:
        once = metafunc.definition.get_closest_marker("once_as")
        modes = MODES if once is None else once.args if os.geteuid() == 0 else ("user",)
        if metafunc.definition.get_closest_marker("closed_only"):
            modes = CLOSED_MODES
        elif metafunc.config.getoption("--closed"):
            modes = tuple(f"closed-{mode}" for mode in modes)
        elif metafunc.definition.get_closest_marker("proot_too"):
            modes += CLOSED_MODES
        metafunc.parametrize("account", modes, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip_excused(items)
    # what takes long first, or one process would be left alone with it at the end
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `pytest -n 2` the modes run side by side, each in one process with one engine; of other tests
    those of a file stay together, which share what it sets up."""
    from xdist.scheduler import LoadScopeScheduling

    class ByMode(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, rest = nodeid.partition("::")
            parameters = rest.partition("[")[2]
            return next((mode for mode in (*MODES, *CLOSED_MODES) if parameters.startswith(mode)), file)

    config.option.loadscopereorder = (
        False  # not the files with the fewest tests last: the order of collection
    )
    return ByMode(config, log)


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """The account that runs engine and client in this mode; the test is skipped where it cannot be had."""
    adopt_orphans()
    try:
        opened = open_account(request.param)
    except LookupError as error:
        pytest.skip(f"mode {request.param}: {error}")
    yield opened
    left = left_behind(opened)
    opened.remove()
    assert not left, "left behind at the end:\n" + "\n".join(left)


@pytest.fixture(scope="session")
def shared_engine(account: Account) -> Iterator[Engine]:
    """The account's engine. Use `engine`, which starts it again when a test left it dead."""
    # its shell is never clean: no test may depend on these, and one shows that they stay outside
    leaks = {"BGB_LIMIT_FILES": "50", "WANDB_API_KEY": "leak"}
    pythons = {"PYENV_ROOT": os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")}
    engine = Engine(account, account.engine_home, env={**leaks, **pythons})
    engine.start()
    yield engine
    engine.stop()
    alive = [process for process in descendants(os.getpid()) if str(engine.home) in process.command]
    assert not alive, f"still running after the engine ended: {alive}"


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    """The running engine of this account."""
    if shared_engine.process is None or shared_engine.process.poll() is not None:
        shared_engine.start()
    return shared_engine


@pytest.fixture
def folder(account: Account, request: pytest.FixtureRequest) -> Path:
    """The test's own folder, where the user stands: owned by the account."""
    name = re.sub(r"\W+", "-", request.node.name)[:60].strip("-")
    return account.make_folder(account.make_folder(account.base / "w") / name)


@pytest.fixture
def write(account: Account, folder: Path) -> Callable[..., Path]:
    """`write("app.py", text)` puts a file into the test's folder, indentation taken off."""

    def write(name: str, text: str | bytes) -> Path:
        path = folder / name
        for parent in reversed(path.relative_to(folder).parents):
            account.make_folder(folder / parent)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(textwrap.dedent(text).lstrip("\n"))
        account.own(path)
        return path

    return write


@pytest.fixture
def modal(engine: Engine, folder: Path) -> Iterator[Command]:
    """The real `modal` command against the engine, in the test's folder."""
    command = Command(engine.account, folder, [str(client.folder() / "modal")], engine.client_environment)
    yield command
    command.end_all()


@pytest.fixture
def terminal(engine: Engine, folder: Path) -> Iterator[Callable[..., Terminal]]:
    """`terminal("shell")` runs the real `modal` command in a terminal of its own, in the test's folder."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: object, **size: int) -> Terminal:
        argv = [str(client.folder() / "modal"), *arguments]
        opened.append(Terminal(engine.account, argv, folder, engine.client_environment(), **size))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


@pytest.fixture
def python(engine: Engine, folder: Path) -> Iterator[Command]:
    """Python with the real `modal` library against the engine: `python("script.py")`."""
    command = Command(engine.account, folder, [str(client.folder() / "python")], engine.client_environment)
    yield command
    command.end_all()


@pytest.fixture
def homeport(account: Account, folder: Path) -> Iterator[Command]:
    """The `homeport` command, in an environment that knows nothing of an engine but HOMEPORT_HOME."""
    command = Command(account, folder, [str(BIN / "homeport")], account.environment)
    yield command
    command.end_all()


@pytest.fixture(scope="session")
def torch_wheel() -> str:
    """The PyTorch of this machine's own wheels, as a requirement; the test is skipped where there is none."""
    for folder in os.environ.get("PIP_FIND_LINKS", "").split():
        for wheel in sorted(Path(folder).glob(f"torch-*-cp{sys.version_info[0]}{sys.version_info[1]}-*.whl")):
            return f"torch=={wheel.name.split('-')[1].split('+')[0]}"
    pytest.skip("no wheel of PyTorch in PIP_FIND_LINKS; from an index it would be gigabytes")


@pytest.fixture
def nothing_left(account: Account, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test that leaves a container, zombie, mount, socket or temporary file behind.

    After a test that failed anyway the engine is stopped, containers and all: the next one starts clean.
    """
    yield
    if request.node.stash.get(_FAILED, False):
        engine = request.node.funcargs.get("shared_engine") or request.node.funcargs.get("engine")
        if isinstance(engine, Engine):
            engine.stop()
        return
    assert_nothing_left(account)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Shows the engine's log beside a failure: half of the story is there."""
    if call.excinfo is None or call.excinfo.errisinstance(pytest.skip.Exception):
        return
    item.stash[_FAILED] = True
    engine = getattr(item, "funcargs", {}).get("engine")
    if isinstance(engine, Engine):
        item.add_report_section(call.when, "engine", engine.log_tail())
