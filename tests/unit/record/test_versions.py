"""An app that was edited while it was served: which files and which definition a moment had."""

from dataclasses import replace

from homeport.control.runs.sources import edited
from homeport.record.run import Function, Git, Place, Source, SourceFile, Variable
from homeport.record.versions import files_at, joined, labels, of_definition

APP = Function(
    "f", environment=(Variable("MODE", "Secret.from_dict (st-1)", digest="d1"),), definitions=("de-1",)
)


def files(**digests: str) -> tuple[SourceFile, ...]:
    return tuple(SourceFile(name, digest) for name, digest in sorted(digests.items()))


def test_the_files_of_each_moment_are_known_after_several_edits():
    first = Source("/u/app.py", files(a="a1", b="b1"), Git("/u", "c0ffee"))
    second = edited(first, Source("/u/app.py", files(a="a2", b="b1", c="c1")), 10.0)
    third = edited(second, Source("/u/app.py", files(a="a3", c="c1")), 20.0)

    assert third.files == files(a="a3", c="c1")
    assert files_at(third, 5.0) == first.files
    assert files_at(third, 15.0) == second.files
    assert files_at(third, 20.0) == third.files
    assert third.git == first.git


def test_what_was_saved_without_a_change_is_no_edit():
    first = Source(files=files(a="a1"))

    assert edited(first, Source(files=files(a="a1")), 10.0).edits == ()


def test_definitions_that_differ_in_what_a_run_feels_are_versions():
    same = replace(
        APP,
        defined=Place("/root/app.py", 9),
        environment=(
            Variable("MODE", "Secret.from_dict (st-2)", digest="d1"),
            Variable("MODAL_TASK_ID", "platform", "ta-2"),
        ),
        secrets=("st-" + "a" * 22,),
        definitions=("de-2",),
    )
    other = replace(
        APP, environment=(Variable("MODE", "Secret.from_dict (st-3)", digest="d2"),), definitions=("de-3",)
    )
    named = replace(APP, secrets=("brain",), definitions=("de-4",))

    found = joined([named, other, same, APP])

    assert [each.definitions for each in found] == [("de-4",), ("de-3",), ("de-2", "de-1")]
    assert labels(found) == ["f, version 3 of 3", "f, version 2 of 3", "f, version 1 of 3"]
    assert labels([APP, Function("g")]) == ["f", "g"]
    assert of_definition(found, "de-1", "f") is found[2]
    assert of_definition(found, "", "f") is found[0], "the newest"
    assert of_definition(found, "de-1", "g") is None
