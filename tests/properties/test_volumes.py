"""Volumes against a model: whatever clients and two containers do in whatever order, files are as a dict
says.

The model's rules are those of docs/architecture.md: a commit takes what its writer changed since its last
one, file by file, and the last writer wins; a folder that was removed is gone with all that it held.
"""

import itertools
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from homeport.control import volume_states
from homeport.store.capture import differs
from tests.unit.files.volumes_here import VolumesHere

FOLDERS = ["d", "d/e", "d/e/g", "h"]  # folders are letters, files are numbered: no path is ever both
FILES = [f"{folder}/{n}" for folder in FOLDERS for n in (0, 1)] + ["0"]
TASKS = ["ta-1", "ta-2"]

task = st.sampled_from(TASKS)
file = st.sampled_from(FILES)
folder = st.sampled_from(FOLDERS)
steps = st.one_of(
    st.tuples(st.just("write"), task, file),
    st.tuples(st.just("remove"), task, file),
    st.tuples(st.just("remove_tree"), task, folder),
    st.tuples(st.just("rename"), task, file, file),
    st.tuples(st.just("commit"), task),
    st.tuples(st.just("reload"), task),
    st.tuples(st.just("restart")),
    st.tuples(st.just("put"), file),
    st.tuples(st.just("rm"), file),
    st.tuples(st.just("rm -r"), folder),
    st.tuples(st.just("cp"), file, file),
)


def folders_of(path: str) -> set[str]:
    parts = path.split("/")[:-1]
    return {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}


@dataclass
class Tree:
    """Files and folders, as a dict and a set."""

    files: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def copy(self) -> "Tree":
        return Tree(dict(self.files), set(self.folders))

    def write(self, path: str, text: str) -> None:
        self.files[path] = text
        self.folders |= folders_of(path)

    def remove_tree(self, top: str) -> None:
        self.files = {path: text for path, text in self.files.items() if not path.startswith(top + "/")}
        self.folders = {path for path in self.folders if path != top and not path.startswith(top + "/")}


@dataclass
class Writer:
    """A container: what it sees, what it saw at its last commit, what it wrote since."""

    seen: Tree
    now: Tree
    touched: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)

    def write(self, path: str, text: str) -> None:
        self.made |= folders_of(path) - self.now.folders
        self.now.write(path, text)
        self.touched.add(path)

    def commit(self, committed: Tree) -> None:
        for top in sorted(self.seen.folders - self.now.folders):
            committed.remove_tree(top)
        for path in set(self.seen.files) - set(self.now.files):
            committed.files.pop(path, None)
        committed.folders |= self.made & self.now.folders
        for path in self.touched & set(self.now.files):
            committed.write(path, self.now.files[path])
        self.seen, self.touched, self.made = self.now.copy(), set(), set()


@settings(
    max_examples=20,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(st.lists(steps, min_size=5, max_size=40))
def test_any_order_of_writers_leaves_what_the_model_says(sequence: list[tuple[str, ...]]) -> None:
    volume_states.MAX_STACK = 4  # have deltas joined often
    with tempfile.TemporaryDirectory() as root:
        here = VolumesHere(Path(root))
        try:
            _play(here, sequence)
        finally:
            here.close()


def _play(here: VolumesHere, sequence: list[tuple[str, ...]]) -> None:
    committed = Tree()
    numbers = (str(n) for n in itertools.count())
    start = ["d/e/g/0", "d/1", "h/0"]
    here.put(dict.fromkeys(start, "start"))
    for path in start:
        committed.write(path, "start")
    containers = {name: here.start(name) for name in TASKS}
    writers = {name: Writer(committed.copy(), committed.copy()) for name in TASKS}
    for step in sequence:
        _step(here, committed, containers, writers, next(numbers), step)
        for name in TASKS:
            assert containers[name]("files") == writers[name].now.files
            _assert_notices(here, name, writers[name])
        assert here.files() == committed.files
    for name in TASKS:
        here.end(name)
        writers[name].commit(committed)
    assert here.files() == committed.files
    last = here.start("ta-last")
    assert last("files") == committed.files


def _assert_notices(here: VolumesHere, name: str, writer: Writer) -> None:
    """The cheap look finds a change where there is something to commit."""
    if not (writer.touched or writer.made or writer.seen != writer.now):
        return
    row = here.database.all("attachments_of_task", task_id=name)[-1]
    folder = here.home.volumes / "u" / str(row["number"])
    snapshot = folder / f"seen-{row['seen']}.json"
    assert differs(folder / "upper", json.loads(snapshot.read_bytes()) if snapshot.exists() else {})


def _step(here, committed, containers, writers, text, step) -> None:  # type: ignore[no-untyped-def]
    operation, *arguments = step
    if operation == "restart":
        here.restart()
    elif operation in ("put", "rm", "rm -r", "cp"):
        _client(here, committed, text, operation, arguments)
    else:
        container, writer = containers[arguments[0]], writers[arguments[0]]
        if operation == "write":
            container("write", arguments[1], text)
            writer.write(arguments[1], text)
        elif operation == "remove" and arguments[1] in writer.now.files:
            container("remove", arguments[1])
            del writer.now.files[arguments[1]]
        elif operation == "remove_tree" and arguments[1] in writer.now.folders:
            container("remove_tree", arguments[1])
            writer.now.remove_tree(arguments[1])
        elif operation == "rename" and arguments[1] in writer.now.files and arguments[1] != arguments[2]:
            container("rename", arguments[1], arguments[2])
            writer.write(arguments[2], writer.now.files.pop(arguments[1]))
        elif operation in ("commit", "reload"):
            getattr(here, operation)(arguments[0])
            writer.commit(committed)
            if operation == "reload":
                writers[arguments[0]] = Writer(committed.copy(), committed.copy())


def _client(here: VolumesHere, committed: Tree, text: str, operation: str, arguments: list[str]) -> None:
    path = arguments[0]
    if operation == "put":
        here.put({path: text})
        committed.write(path, text)
    elif operation == "rm" and path in committed.files:
        here.remove(path)
        del committed.files[path]
    elif operation == "rm -r" and path in committed.folders:
        here.remove(path, recursive=True)
        committed.remove_tree(path)
    elif operation == "cp" and path in committed.files and path != arguments[1]:
        here.copy(path, arguments[1])
        committed.write(arguments[1], committed.files[path])
