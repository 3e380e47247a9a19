"""What code does with files, for the rules on data: which call writes or reads which path, and where Volumes
are.

A path that is known in part (`f"/results/{run}/model.pt"`) is told by its folder, as far as it is known.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath, PurePosixPath

from homeport.check.facts import Call, Event, Function, Volume
from homeport.check.values import Unknown, Value


@dataclass(frozen=True)
class Touch:
    """A path that a call writes or reads. `path` is absolute; `is_whole` where all of it is known, else it is
    the folder. `given` is how the source gives it. `is_result`: the call keeps a model or a run's results.
    """

    call: Call
    path: str
    given: str
    is_whole: bool
    is_written: bool
    is_result: bool = False


# What writes a file, and by which argument: its place (0 the first) and its name.
_WRITERS: dict[str, tuple[int, str]] = {
    "numpy.save": (0, "file"),
    "numpy.savez": (0, "file"),
    "numpy.savez_compressed": (0, "file"),
    "numpy.savetxt": (0, "fname"),
    "shutil.copy": (1, "dst"),
    "shutil.copy2": (1, "dst"),
    "shutil.copyfile": (1, "dst"),
    "shutil.copytree": (1, "dst"),
    "shutil.move": (1, "dst"),
    "matplotlib.pyplot.savefig": (0, "fname"),
    "torchvision.utils.save_image": (1, "fp"),
    "soundfile.write": (0, "file"),
    "torchaudio.save": (0, "uri"),
    "cv2.imwrite": (0, "filename"),
    "imageio.imwrite": (0, "uri"),
}
_RESULT_WRITERS: dict[str, tuple[int, str]] = {
    "torch.save": (1, "f"),
    "torch.jit.save": (1, "f"),
    "torch.onnx.export": (2, "f"),
    "onnx.save": (1, "f"),
    "joblib.dump": (1, "filename"),
    "safetensors.torch.save_file": (1, "filename"),
    "safetensors.numpy.save_file": (1, "filename"),
}
# Methods, of whatever object, by the last part of their name.
_METHODS: dict[str, tuple[int, str]] = {
    "to_csv": (0, "path_or_buf"),
    "to_parquet": (0, "path"),
    "to_json": (0, "path_or_buf"),
    "to_pickle": (0, "path"),
    "to_feather": (0, "path"),
    "write_csv": (0, "file"),
    "write_parquet": (0, "file"),
    "savefig": (0, "fname"),
    "save_to_disk": (0, "dataset_path"),
}
_RESULT_METHODS: dict[str, tuple[int, str]] = {
    "save_pretrained": (0, "save_directory"),
    "save_model": (0, "output_dir"),
    "save_weights": (0, "filepath"),
    "save_checkpoint": (0, "filepath"),
    "save_state": (0, "output_dir"),
}
_FOLDERS = frozenset(
    (
        "output_dir",
        "out_dir",
        "save_dir",
        "checkpoint_dir",
        "ckpt_dir",
        "checkpoints_dir",
        "default_root_dir",
        "dirpath",
        "results_dir",
    )
)
_FOLDER_FLAG = re.compile(
    r"^--?((?:output|out|save|results?)(?:[-_.]?(?:dir|path|folder|file))?|(?:checkpoints?|ckpt)[-_.]?(?:dir|folder))(=|$)"
)
_OPENS = frozenset(
    (
        "open",
        "io.open",
        "gzip.open",
        "bz2.open",
        "lzma.open",
        "codecs.open",
        "wave.open",
        "tarfile.open",
        "pathlib.Path.open",
    )
)
_RESULT_NAME = re.compile(
    r"checkpoint|ckpt|epoch|weight|best|final|result|metric|score|predict|submission|report|history|state_dict|"
    r"model[^/]*$|\.(pt|pth|ckpt|safetensors|onnx|pkl|pickle|joblib|gguf)$",
    re.IGNORECASE,
)
CHILDREN = re.compile(
    r"^(subprocess\.\w+|os\.(system|popen|exec\w*|spawn\w*)|asyncio\.create_subprocess_\w+)$"
)
# What names a path without having anything of the file.
_NO_USE = re.compile(
    r"(^|\.)(print|mkdir|makedirs|exists|is_dir|is_file|isdir|isfile|join|Path|PurePath|str|repr|remove|unlink|rmtree|"
    r"rmdir|format|info|debug|warning|error|log|write|abspath|dirname|basename|append|chdir|add_argument)$"
)
_READS = re.compile(
    r"(^|\.)(open|read_\w+|load\w*|listdir|scandir|walk|glob|rglob|iglob|iterdir|exists|isfile|isdir|is_file|is_dir|"
    r"getsize|stat|ImageFolder|DatasetFolder|from_file|from_pretrained|genfromtxt|fromfile|memmap|imread|File)$"
)


@lru_cache(maxsize=4096)
def written_paths(event: Event) -> tuple[Touch, ...]:
    """What a call writes."""
    return tuple(_written(event)) if isinstance(event, Call) else ()


@lru_cache(maxsize=4096)
def read_paths(event: Event) -> tuple[Touch, ...]:
    """What a call reads, lists or looks for."""
    return tuple(_read(event)) if isinstance(event, Call) else ()


def _written(event: Call) -> Iterator[Touch]:
    if event.name.startswith(("Function.", "Volume.", "modal.")):
        return
    last = event.name.rpartition(".")[2]
    if event.name in _OPENS:
        place = 0 if event.name == "pathlib.Path.open" else 1
        mode = _argument(event, place, "mode")
        if isinstance(mode, str) and re.search(r"[wax+]", mode):
            path = event.receiver if event.name == "pathlib.Path.open" else _argument(event, 0, "file")
            yield from _touch(event, path, False)
    elif event.name in ("pathlib.Path.write_text", "pathlib.Path.write_bytes"):
        yield from _touch(event, event.receiver, False)
    elif found := _RESULT_WRITERS.get(event.name) or _RESULT_METHODS.get(last):
        yield from _touch(event, _argument(event, *found), True)
    elif found := _WRITERS.get(event.name) or _METHODS.get(last):
        yield from _touch(event, _argument(event, *found), False)
    elif CHILDREN.match(event.name):
        for value in _flagged(event):
            yield from _touch(event, value, True)
    elif last[:1].isupper():
        for name in _FOLDERS & event.options.keys():
            yield from _touch(event, event.options[name], True)


def _read(event: Call) -> Iterator[Touch]:
    if not _READS.search(event.name) or event.name.startswith("Volume."):
        return
    if event.name.startswith("pathlib.Path."):
        yield from _touch(event, event.receiver, False, is_written=False)
    else:
        for value in (
            *event.args[:1],
            *(event.options[key] for key in ("file", "root", "path") if key in event.options),
        ):
            yield from _touch(event, value, False, is_written=False)


def _argument(call: Call, place: int, name: str) -> Value:
    if name in call.options:
        return call.options[name]
    return call.args[place] if place < len(call.args) else None


def _flagged(call: Call) -> Iterator[Value]:
    """The folders that a command line names as those of its output."""
    words = call.args[0] if call.args else None
    if not isinstance(words, tuple):
        return
    for word, after in zip(words, (*words[1:], None), strict=True):
        if isinstance(word, str) and (flag := _FOLDER_FLAG.match(word)):
            yield word[flag.end() :] if flag[2] == "=" else after


def _touch(call: Call, value: Value, is_result: bool, is_written: bool = True) -> Iterator[Touch]:
    given, is_whole = beginning(value)
    if not given or "://" in given or given.startswith("~"):
        return
    path = absolute(given, call.folder)
    if path is not None:
        text = given if is_whole else value.begins
        is_result = is_result or _RESULT_NAME.search("/".join(text.split("/")[-2:])) is not None
        yield Touch(call, path, given, is_whole, is_written, is_result)


def beginning(value: Value) -> tuple[str, bool]:
    """A path as far as it is known, and whether that is all of it; "" where nothing is."""
    if isinstance(value, str | PurePath):
        return str(value), True
    if isinstance(value, Unknown):
        folder, slash, _ = value.begins.rpartition("/")
        return folder if slash else "", False
    return "", False


def absolute(path: str, folder: str | Unknown) -> str | None:
    """A path of the container made absolute; None where the working folder is not known."""
    if path.startswith("/"):
        return posixpath.normpath(path)
    if isinstance(folder, Unknown) or not folder.startswith("/"):
        return None
    return posixpath.normpath(posixpath.join(folder, path))


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def mounts(function: Function) -> dict[str, object] | None:
    """What is mounted in a function's container, by place; None where that is not known for all of it."""
    found: dict[str, object] = {}
    buckets = function.options.get("network_file_systems")
    if isinstance(buckets, Unknown) or isinstance(function.options.get("volumes"), Unknown):
        return None
    for path, volume in (*function.volumes.items(), *(buckets.items() if isinstance(buckets, dict) else ())):
        if not isinstance(path, str | PurePath) or not str(path).startswith("/"):
            return None
        found[posixpath.normpath(str(PurePosixPath(path)))] = volume
    return found


def uses(event: Event, path: str) -> bool:
    """Whether a call gets a path, a folder of it, or something in it, to do something with what is there."""
    if not isinstance(event, Call) or (_NO_USE.search(event.name) and not CHILDREN.match(event.name)):
        return False
    values = [*event.args, event.receiver]
    values += [value for name, value in event.options.items() if name != "cwd"]
    return any(_names(value, path, event.folder) for value in values)


def _names(value: Value, path: str, folder: str | Unknown) -> bool:
    if isinstance(value, tuple | frozenset):
        return any(_names(item, path, folder) for item in value)
    if isinstance(value, dict):
        return any(_names(item, path, folder) for item in value.values())
    given, _ = beginning(value)
    if not given:
        return False
    if path in given:  # in a command line, or `@/tmp/file`
        return True
    where = absolute(given, folder)
    if where is None or (where in ("/", "/root", folder) and where != path):
        return False
    return is_below(path, where) or is_below(where, path)


def same_volume(one: object, other: object) -> bool:
    if one is other:
        return True
    return (
        isinstance(one, Volume)
        and isinstance(other, Volume)
        and isinstance(one.name, str)
        and one.name == other.name
        and one.options.get("environment_name") == other.options.get("environment_name")
    )
