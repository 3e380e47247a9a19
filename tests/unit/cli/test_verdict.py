"""The last word on `homeport run`'s exit status; with the engine: tests/tour/test_34_contracts.py."""

import pytest

from homeport.cli import verdict
from homeport.control.runs.records import RunRecords
from homeport.record.codec import DamagedRecordError


@pytest.mark.parametrize("status", ["0", "7"])
def test_records_that_cannot_be_read_leave_the_status_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise DamagedRecordError("runs/ap-1.json: this record is damaged.")

    monkeypatch.setattr(RunRecords, "rows", damaged)
    assert verdict.main(["1", "0", status]) == int(status)
    assert "not known whether the run kept its contract: runs/ap-1.json" in capsys.readouterr().err
