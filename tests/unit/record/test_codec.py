"""Records are read back as they were written, by later versions too, and damage is named."""

import pytest

from homeport.record import codec
from homeport.record.codec import DamagedRecordError
from homeport.record.run import Argument, Call, Note, Place, Run

RUN = Run(
    "ap-1",
    started_at=1.5,
    calls=(Call("fc-1", "train", (Argument("config_path", '"a.yaml"', "default"),), inputs=1),),
    notes=(Note(2.0, 7, "child", argv=("python",), changes={"A": "", "B": "12"}, stack=(Place("a.py", 3),)),),
)


def test_a_record_is_read_back_as_it_was_written():
    assert codec.decode(codec.encode(RUN), "x") == RUN


def test_an_empty_value_of_a_field_without_a_default_is_kept():
    run = Run("ap-1", calls=(Call("fc-1", "train", (Argument("config_path", "", "default"),)),))
    assert codec.decode(codec.encode(run), "x") == run


def test_a_record_of_an_older_version_opens_with_defaults_for_what_it_lacks():
    assert codec.decode(b'{"run_id": "ap-1", "version": 1, "gone": 3}', "x") == Run("ap-1")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"run_id": "ap-1", "vers', "runs/ap-1.json: this record is damaged: "),
        (b'{"run_id": 3}', "damaged: Expected `str`, got `int` - at `$.run_id`"),
        (b"", "damaged: Input data was truncated"),
        (b'{"run_id": "ap-1", "started_at": 1e30}', "damaged: Expected `float` <= 253370764800"),
        (b'{"run_id": "ap-1", "ended_at": -1}', "damaged: Expected `float` >= 0"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "damaged: it is nested without end."),
        (b'{"run_id": "ap-1", "version": 99, "calls": 3}', "written by a newer Homeport"),
    ],
)
def test_a_damaged_record_is_named(data, says):
    with pytest.raises(DamagedRecordError) as caught:
        codec.decode(data, "runs/ap-1.json")
    assert says in str(caught.value)


def test_a_damaged_line_of_notes_is_none():
    assert codec.decode_note(b'{"at": 1, "pid": 2, "kind": "read", "name": "A"}') == Note(1, 2, "read", "A")
    assert codec.decode_note(b'{"at": 1, "pid"') is None
    assert codec.decode_note(b'{"at": 1, "pid": 2, "kind": "unheard of"}') is None


def test_command_lines_in_notes_are_read_without_secrets():
    note = codec.decode_note(b'{"at": 1, "pid": 2, "kind": "child", "argv": ["train", "--token", "hunter2"]}')
    assert note is not None and note.argv == ("train", "--token", "<masked>")
