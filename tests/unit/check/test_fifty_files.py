"""The example of the full training that saw fifty files: all three of its faults are named before it runs."""

from pathlib import Path

from tests.support.check import check

FOLDER = Path(__file__).parents[3] / "examples" / "fifty_files"


def test_what_took_days_to_find_is_named() -> None:
    (report,) = check(FOLDER, "app.py", variables=("HOME", "PATH", "BGB_LIMIT_FILES")).reports
    source = (FOLDER / "app.py").read_text().splitlines()
    said = {
        reported.finding.code: (source[reported.finding.site.line - 1].strip(), reported.finding)
        for reported in report.findings
        if reported.finding.severity == "warning"
    }
    assert "os.environ.items()" in said["HP201"][0]
    assert (
        "such as BGB_LIMIT_FILES, which this shell exports and train.py:96 reads" in said["HP201"][1].message
    )
    assert said["HP204"][0] == 'if "smoke" in config_path.lower():'
    assert said["HP205"][0] == 'env["BGB_LIMIT_FILES"] = "50"'
    assert not [one for one in report.findings if one.finding.severity == "error"]
