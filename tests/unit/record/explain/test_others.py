"""Arguments, values of configurations and files: who gave, chose, placed and opened them."""

from dataclasses import replace
from hashlib import sha256

import pytest

from homeport.record.explain.argument import explain_argument
from homeport.record.explain.configuration import explain_config
from homeport.record.explain.file import explain_file
from homeport.record.explain.settings import settings
from homeport.record.run import (
    Argument,
    Call,
    ConfigFile,
    Edit,
    Folder,
    Image,
    Note,
    Place,
    SourceFile,
    Volume,
)
from tests.support import fifty_runs as worlds
from tests.support.fifty_runs import APP, FIFTY, TRAIN, known

FULL = (FIFTY / "configs" / "full.yaml").read_text()
DEF_LINE = worlds.line_of(worlds.sources()[APP], "def train(")


def of(world, **changes):
    return replace(world, run=replace(world.run, **changes))


def typed(*argv):
    world = known(config_path="configs/smoke_test.yaml", came="command line")
    return of(world, launcher=replace(world.launcher, argv=argv))


def with_config(world, path="/app/configs/full.yaml", text=FULL):
    opened = Place(TRAIN, worlds.line_of(worlds.sources()[TRAIN], "main(yaml"), "<module>")
    return of(world, configs=(ConfigFile(path, "ab" * 32, text, opened, "ta-1", "mount"),))


class TestArguments:
    def test_a_default_is_told_with_its_definitions_line(self):
        world = known()
        default = (Call("fc-2", "train", (Argument("config_path", "", "default"),), 1, started_at=100.0),)
        answer = explain_argument(of(world, calls=default), "config_path")
        assert answer.sentence == (
            f'config_path of train is "configs/full.yaml", the default of app.py:{DEF_LINE}: nobody gave one.'
        )
        assert any(step.text == 'the default is "configs/full.yaml", which was used' for step in answer.steps)

    def test_a_default_that_modal_run_filled_in(self):
        world = known(came="given")
        assert explain_argument(world, "config_path").sentence == (
            f'config_path of train is "configs/full.yaml", the default of app.py:{DEF_LINE}: '
            "the command names none."
        )
        other = known(config_path="b.yaml", came="given")
        assert explain_argument(other, "config_path").sentence.endswith("given by the code that called.")

    def test_a_default_is_that_of_the_version_that_was_called(self):
        texts = worlds.sources()
        before, after = texts[APP], texts[APP].replace('"configs/full.yaml"', '"configs/other.yaml"')
        assert before != after
        world = known({**texts, APP: after})
        was = SourceFile(APP, sha256(before.encode()).hexdigest())
        source = replace(world.run.source, edits=(Edit(200.0, (was,)),))
        calls = tuple(
            Call(f"fc-{at}", "train", (Argument("config_path", "", "default"),), 1, started_at=at)
            for at in (100.0, 300.0)
        )
        world = replace(of(world, source=source, calls=calls), read=worlds.reader({APP: before, "": after}))

        said = explain_argument(world, "config_path")
        assert said.sentence.startswith('config_path of train is "configs/full.yaml", the default of app.py')
        later = explain_argument(of(world, calls=calls[1:]), "config_path")
        assert later.sentence.startswith(
            'config_path of train is "configs/other.yaml", the default of app.py'
        )

    def test_as_typed(self):
        answer = explain_argument(
            typed("modal", "run", "app.py::train", "--config-path", "configs/smoke_test.yaml"), "config-path"
        )
        assert answer.sentence == (
            'config_path of train is "configs/smoke_test.yaml", as typed: '
            "--config-path configs/smoke_test.yaml."
        )
        assert any("decides by a piece of config_path" in step.text for step in answer.steps)
        assert any(step.text.endswith('"smoke", which is in it') for step in answer.steps)

    def test_options_before_the_file_are_none_of_the_functions(self):
        smoke = ["--config-path", "configs/smoke_test.yaml"]
        line = ["homeport", "run", "--config-path", "b.yaml", "app.py::train", *smoke]
        assert explain_argument(typed(*line), "config_path").sentence.endswith(
            f"as typed: {' '.join(smoke)}."
        )

    def test_given_by_a_line_of_the_local_entrypoint_whose_own_default_it_is(self):
        texts = worlds.sources()
        texts[APP] += (
            "\n\n@app.local_entrypoint()\n"
            'def main(config: str = "configs/smoke_test.yaml"):\n    train.remote(config)\n'
        )
        world = known(texts, config_path="configs/smoke_test.yaml", came="given")
        line = worlds.line_of(texts[APP], "train.remote(")
        assert explain_argument(world, "config_path").sentence == (
            f'config_path of train is "configs/smoke_test.yaml", given in app.py:{line}, where it is the '
            'parameter config of main, whose default is "configs/smoke_test.yaml".'
        )

    def test_other_calls_with_another_value_are_counted(self):
        world = known()
        more = [
            Call(f"fc-{number}", "train", (Argument("config_path", '"b.yaml"'),)) for number in range(3, 8)
        ]
        answer = explain_argument(of(world, calls=(*world.run.calls, *more)), "config_path")
        assert any(step.text == '5 more of train, with "b.yaml", such as fc-3' for step in answer.steps)

    def test_an_unknown_one(self):
        answer = explain_argument(known(), "config_pat")
        assert not answer.is_found
        assert answer.sentence == "No call of ap-1 has an argument config_pat. Did you mean config_path?"


class TestConfigurations:
    def test_which_file_line_opener_and_what_chose_it(self):
        answer = explain_config(with_config(known()), "data.cache")
        line = worlds.line_of(FULL, "cache:")
        opened = worlds.line_of(worlds.sources()[TRAIN], "main(yaml")
        assert answer.sentence == (
            f'data.cache is "/results/cache/full", by /app/configs/full.yaml:{line}, which '
            f"/app/train.py:{opened} opened; the file was chosen by the argument config_path = "
            f'"configs/full.yaml", the default of app.py:{DEF_LINE}: nobody gave one.'
        )
        assert any("smoke" in step.text and "not in it" in step.text for step in answer.steps)

    def test_the_end_of_a_key_does(self):
        assert explain_config(with_config(known()), "cache").sentence.startswith("data.cache is ")

    def test_an_unknown_key_names_the_nearest(self):
        answer = explain_config(with_config(known()), "training.epoch")
        assert "Did you mean training.epochs" in answer.sentence

    def test_the_last_opened_counts(self):
        world = with_config(known())
        other = replace(world.run.configs[0], path="/app/b.yaml", text="\nseed: 7\n")
        answer = explain_config(of(world, configs=(*world.run.configs, other)), "seed")
        assert answer.sentence.startswith("seed is 7, by /app/b.yaml:2")
        assert sum(step.where == "config" for step in answer.steps) == 2

    @pytest.mark.parametrize(
        ("path", "text", "key", "found"),
        [
            ("a.yaml", "a:\n  b: 1\n", "a.b", ("1", 2)),
            ("a.yml", "x: &x {b: 1}\na:\n  <<: *x\n  c: 2\n", "a.b", ("1", 1)),
            ("a.yaml", "a:\n- b: 1\n- b: 2\n", "a.1.b", ("2", 3)),
            ("a.yaml", "a: [1, 2]\n", "a", ("[1, 2]", 1)),
            ("a.yaml", "a: !mine x\n", "a", ('"x"', 1)),
            ("a.yaml", "at: 2026-02-25\n", "at", ('"2026-02-25"', 1)),
            ("a.json", '{\n "a": {\n  "b": null}}', "a.b", ("null", 3)),
            ("a.toml", "[a]\n\nb = 'x'\n", "a.b", ('"x"', 3)),
            ("A.TOML", "a.b = 1.5", "a.b", ("1.5", 1)),
        ],
    )  # fmt: skip
    def test_keys_and_lines(self, path, text, key, found):
        setting = settings(path, text)[key]
        assert (setting.value, setting.line) == found

    @pytest.mark.parametrize("text", ["a: [", "a: &a [*a]", "", "- 1", "%", "a: *b"])
    @pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.toml", "a.ini"])
    def test_what_does_not_parse_has_no_keys(self, name, text):
        assert settings(name, text).keys() <= {"a", ""}


class TestFiles:
    def test_a_mounts_file_with_the_line_that_added_it(self):
        added = worlds.line_of(worlds.sources()[APP], "add_local_file(")
        answer = explain_file(known(), "train.py")
        assert answer.sentence == f"A mount brought /app/train.py, added in app.py:{added}."

    def test_a_configuration_that_was_opened(self):
        world = with_config(known())
        files = (*world.run.source.files, replace(world.run.source.files[0], path="/app/configs/full.yaml"))
        world = of(world, source=replace(world.run.source, files=files))
        opened = worlds.line_of(worlds.sources()[TRAIN], "main(yaml")
        added = worlds.line_of(worlds.sources()[APP], "add_local_dir(")
        assert explain_file(world, "/app/configs/full.yaml").sentence == (
            f"A mount brought /app/configs/full.yaml, added in app.py:{added}; "
            f"/app/train.py:{opened} opened it."
        )

    def test_a_file_that_the_container_wrote(self):
        wrote = Note(5.0, 9, "open", path="/tmp/a.yaml", how="w", stack=(Place(TRAIN, 3),))
        answer = explain_file(known(notes=[wrote]), "/tmp/a.yaml")
        assert answer.sentence.startswith("The container wrote /tmp/a.yaml in /app/train.py:3")

    def test_a_file_of_a_volume_and_of_the_image(self):
        read = Note(5.0, 9, "open", path="/results/a.yaml", how="r", stack=(Place(TRAIN, 3),))
        world = of(known(notes=[read]), volumes=(Volume("results", path="/results", seen="d3"),))
        answer = explain_file(world, "/results/a.yaml")
        assert answer.sentence == "/results/a.yaml is on the volume results; /app/train.py:3 opened it."
        read = replace(read, path="/opt/conf/a.yaml")
        world = of(known(notes=[read]), images=(Image("im-1", steps=("FROM x", "COPY conf /opt/conf")),))
        assert explain_file(world, "/opt/conf/a.yaml").sentence.startswith("The image brought")

    def test_a_file_that_was_looked_for_in_vain(self):
        note = Note(5.0, 9, "open", path="/app/src/a.yaml", how="missing", stack=(Place(TRAIN, 3),))
        answer = explain_file(known(notes=[note]), "/app/src/a.yaml")
        assert answer.sentence == "/app/src/a.yaml was not there when /app/train.py:3 looked for it."

    def test_a_folder(self):
        world = of(known(), folders=(Folder("/results/cache", 50, 10, volume="results"),))
        assert explain_file(world, "/results/cache").sentence == (
            "/results/cache on the volume results: 50 files were read there and 10 written."
        )

    def test_a_file_in_another_folder_than_asked_for(self):
        answer = explain_file(known(), "/app/src/train.py")
        assert not answer.is_found
        assert answer.sentence == (
            "Nothing put /app/src/train.py into a container of ap-1; /app/train.py is there."
        )
