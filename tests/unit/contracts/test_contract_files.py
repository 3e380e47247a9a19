"""Where homeport.toml is found, and which version of an app has which."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from modal_proto import api_pb2

from homeport.control.contracts.files import ContractFiles, contract_path
from homeport.model.errors import InvalidError
from homeport.model.home import Home
from homeport.record.contracts.mistakes import BadContractsError
from homeport.record.run import Launcher
from homeport.store.database import Database

CONTRACT = "[contract.full]\nforbid_env = 'A'\n"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    home = Home(tmp_path / "home")
    home.create()
    opened = Database(home.database)
    yield opened
    opened.close()


@pytest.fixture
def files(database: Database) -> ContractFiles:
    return ContractFiles(database)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "repo" / "jobs"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("")
    return folder


def launcher(project: Path, *argv: str) -> Launcher:
    return Launcher(argv or ("python", "modal", "run", "app.py::train"), str(project))


def test_the_file_beside_the_app_counts_before_those_above_up_to_the_repository(project: Path) -> None:
    above, beside = project.parent / "homeport.toml", project / "homeport.toml"
    (project.parent.parent / "homeport.toml").write_text(CONTRACT)
    assert contract_path(project / "app.py", str(project)) is None
    (project.parent / ".git").mkdir()
    assert contract_path(project / "app.py", str(project)) is None  # that one is above the repository
    above.write_text(CONTRACT)
    assert contract_path(project / "app.py", str(project)) == above
    beside.write_text(CONTRACT)
    assert contract_path(project / "app.py", str(project)) == beside


def test_without_a_repository_the_folder_of_the_command_is_the_last(project: Path) -> None:
    (project.parent / "homeport.toml").write_text(CONTRACT)
    assert contract_path(project / "app.py", str(project.parent)) == project.parent / "homeport.toml"
    assert contract_path(project / "app.py", str(project)) is None


def test_a_folder_that_the_file_lies_beside_is_not_above_it(files: ContractFiles, project: Path) -> None:
    """`modal run ../app.py`, typed in a folder with contracts of its own."""
    below = project / "below"
    below.mkdir()
    (below / "homeport.toml").write_text(CONTRACT)
    files.launched("ap-1", launcher(below, "modal", "run", "../app.py"))
    assert files.of("ap-1") is None


def test_an_app_is_held_to_the_file_as_it_was_when_it_was_launched(
    files: ContractFiles, project: Path
) -> None:
    path = project / "homeport.toml"
    path.write_text(CONTRACT)
    files.launched("ap-1", launcher(project))
    path.write_text("")
    held = files.of("ap-1")
    assert held is not None and [terms.name for terms in held.file.contracts] == ["full"]
    assert held.file.path == str(path) and held.entry == str(project / "app.py") and not held.is_deployed


def test_a_run_may_ask_for_one_contract_which_has_to_be_there(files: ContractFiles, project: Path) -> None:
    asking = launcher(project, "homeport", "run", "--contract", "ful", "app.py")
    with pytest.raises(InvalidError, match="no contract 'ful'"):
        files.launched("ap-1", asking)
    (project / "homeport.toml").write_text(CONTRACT)
    with pytest.raises(InvalidError, match="did you mean 'full'"):
        files.launched("ap-1", asking)
    files.launched("ap-1", launcher(project, "homeport", "run", "--contract", "full", "app.py"))
    held = files.of("ap-1")
    assert held is not None and held.file.only == "full"


def test_an_app_that_has_stopped_leaves_nothing(
    files: ContractFiles, database: Database, project: Path
) -> None:
    (project / "homeport.toml").write_text(CONTRACT)
    files.launched("ap-1", launcher(project))
    assert files.of("ap-1") is not None
    files.forget("ap-1")
    assert database.one("app_contract", app_id="ap-1", version=0) is None and files.of("ap-1") is None


def test_apps_without_a_file_or_a_known_launcher_are_held_to_nothing(
    files: ContractFiles, project: Path
) -> None:
    files.launched("ap-1", None)
    files.launched("ap-2", launcher(project))
    files.launched("ap-3", launcher(project, "python", "-c", "print()"))
    assert [files.of(f"ap-{n}") for n in (1, 2, 3)] == [None, None, None]


def test_mistakes_refuse_the_launch(files: ContractFiles, project: Path) -> None:
    (project / "homeport.toml").write_text("[contract.full]\nobserve = '('\nexpct = 1\n")
    with pytest.raises(BadContractsError) as caught:
        files.launched("ap-1", launcher(project))
    assert [(m.line, m.column) for m in caught.value.mistakes] == [(2, 11), (3, 1)]


def test_each_version_of_a_deployed_app_has_the_file_of_its_deployment(
    files: ContractFiles, database: Database, project: Path
) -> None:
    database.run(
        "add_app",
        app_id="ap-1",
        environment="main",
        name="fifty",
        description="fifty",
        state=api_pb2.APP_STATE_DEPLOYED,
        detached=False,
        created_at=0.0,
        heartbeat_at=None,
        tags="{}",
    )
    for version, name in ((1, "first"), (2, "second")):
        (project / "homeport.toml").write_text(f"[contract.{name}]\n")
        files.launched("ap-1", launcher(project, "python", "modal", "deploy", "app.py"))
        publish(database, version, api_pb2.DEPLOYMENT_TYPE_STANDARD)
        asyncio.run(files.published("ap-1"))
        assert names(files) == [name]
    publish(database, 3, api_pb2.DEPLOYMENT_TYPE_ROLLBACK, rollback_version=1)
    asyncio.run(files.published("ap-1"))
    assert names(files) == ["first"]
    publish(database, 4, api_pb2.DEPLOYMENT_TYPE_ROLLOVER)
    asyncio.run(files.published("ap-1"))
    assert names(files) == ["first"]
    (project / "homeport.toml").unlink()
    files.launched("ap-1", launcher(project, "python", "modal", "deploy", "app.py"))
    publish(database, 5, api_pb2.DEPLOYMENT_TYPE_STANDARD)
    asyncio.run(files.published("ap-1"))
    assert files.of("ap-1") is None


def names(files: ContractFiles) -> list[str]:
    held = files.of("ap-1")
    assert held is not None and held.is_deployed
    return [terms.name for terms in held.file.contracts]


def publish(database: Database, version: int, kind: int, rollback_version: int = 0) -> None:
    database.run(
        "put_app_version",
        app_id="ap-1",
        version=version,
        function_ids="{}",
        class_ids="{}",
        definition_ids="{}",
        client_version="",
        tag="",
        commit_info=b"",
        deployed_at=0.0,
        type=kind,
        rollback_version=rollback_version,
    )
