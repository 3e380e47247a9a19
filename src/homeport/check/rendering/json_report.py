"""Findings for programs. docs/check.md describes the fields; `version` grows when one changes its meaning."""

import json
from typing import Any

from homeport import __version__
from homeport.check.merging import Reported
from homeport.check.preflight import Result
from homeport.check.rendering.places import Places
from homeport.check.values import Site

VERSION = 1


def render(result: Result, places: Places) -> str:
    document = {
        "version": VERSION,
        "homeport": __version__,
        "apps": [
            {
                "file": places.shown(report.facts.entry.path),
                "module": report.question.as_module,
                "folder": places.shown(report.question.launcher.folder),
                "how": report.facts.app.how,
                "functions": [function.name for function in report.facts.app.functions],
            }
            for report in result.reports
        ],
        "findings": [
            _finding(reported, places, places.shown(report.facts.entry.path))
            for report in result.reports
            for reported in report.findings
        ],
        "summary": {
            "errors": result.counts["error"],
            "warnings": result.counts["warning"],
            "notes": result.counts["note"],
            "ignored": result.ignored,
            "elapsed_s": round(result.elapsed_s, 4),
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _finding(reported: Reported, places: Places, app: str) -> dict[str, Any]:
    finding = reported.finding
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        **_place(finding.site, places),
        "app": app,
        "functions": list(reported.functions),
        "fix": finding.fix,
        "others": list(finding.others),
        "edits": [{**_place(edit.site, places, is_exact=True), "text": edit.text} for edit in finding.edits],
        "related": [{**_place(site, places), "message": said} for site, said in finding.related],
    }


def _place(site: Site, places: Places, *, is_exact: bool = False) -> dict[str, Any]:
    region = places.region(site, is_exact=is_exact)
    return {
        "file": places.shown(site.path),
        "line": region.line,
        "column": region.column,
        "end_line": region.end_line,
        "end_column": region.end_column,
    }
