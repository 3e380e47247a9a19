"""Findings as annotations of a GitHub workflow: commands that its runner reads from the output."""

from homeport.check.merging import Reported
from homeport.check.preflight import Result
from homeport.check.rendering.places import Places
from homeport.check.rendering.text import summary

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(result: Result, places: Places) -> str:
    lines = [_finding(reported, places) for report in result.reports for reported in report.findings]
    return "\n".join([*lines, summary(result, places)]) + "\n"


def _finding(reported: Reported, places: Places) -> str:
    finding = reported.finding
    region = places.region(finding.site)
    values = {
        "file": places.shown(finding.site.path),
        "line": region.line,
        "endLine": region.end_line,
        "col": region.column,
        "endColumn": region.end_column,
        "title": f"homeport check {finding.code}",
    }
    if region.end_line != region.line:  # columns are for places within one line
        del values["col"], values["endColumn"]
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in values.items())
    said = [finding.message]
    said += [f"fix: {finding.fix}"] if finding.fix else []
    said += [f"or: {other}" for other in finding.others]
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(chr(10).join(said))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
