"""`predict` on real recordings and genuine headers, where they are at hand."""

import json

import pytest

from seizure.commands import run
from tests.seizure.real_data.real_eeg import CHBMIT, CORPORA, chbmit_segments


@pytest.fixture
def predict(capsys):
    def typed(recording, model):
        status = run(["predict", str(recording), "--model", str(model), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return typed


@pytest.mark.skipif(not CHBMIT.exists(), reason="the CHB-MIT segments are not here")
def test_chbmit_goes_through_a_bipolar_model_and_not_through_a_referential_one(predict, made, tmp_path):
    segment = chbmit_segments(tmp_path)[0]
    status, result = predict(segment.path, made.bipolar_model)
    assert (status, result["recordings"][0]["duration_s"]) == (0, 10.0)
    status, result = predict(segment.path, made.referential_model)
    assert (status, result["failed"][0]["fault"]) == (1, "montage")


@pytest.mark.skipif(not CORPORA.exists(), reason="the genuine headers are not here")
@pytest.mark.parametrize("model", ["referential_model", "bipolar_model"])
@pytest.mark.parametrize("name", ["siena/PN00/PN00-1.edf", "seizeit/P_ID64/P_ID64_r1.edf"])
def test_siena_and_seizeit_go_through_both(predict, made, name, model):
    status, result = predict(CORPORA / name, getattr(made, model))
    assert (status, result["failed"]) == (0, [])
    assert result["recordings"][0]["start"] is not None
