"""Findings as SARIF 2.1.0, which code scanning services and editors read."""

import json
from pathlib import Path
from typing import Any

from homeport import __version__
from homeport.check.findings import Finding
from homeport.check.merging import Reported
from homeport.check.preflight import Result
from homeport.check.rendering.places import Places
from homeport.check.rules import documentation, rules
from homeport.check.values import Site

_LEVELS = {"error": "error", "warning": "warning", "note": "note"}
_ROOT = "SRCROOT"


def render(result: Result, places: Places) -> str:
    found = [reported for report in result.reports for reported in report.findings]
    described = _rules({reported.finding.code for reported in found})
    indexes = {rule["id"]: place for place, rule in enumerate(described)}
    run = {
        "tool": {"driver": {"name": "homeport check", "version": __version__, "rules": described}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"uri": places.folder.as_uri() + "/"}},
        "results": [_result(reported, indexes[reported.finding.code], places) for reported in found],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rules(codes: set[str]) -> list[dict[str, Any]]:
    """The rules that found something; a code without a file, our own mistakes, has nothing to explain."""
    described = []
    for rule in rules():
        if rule.CODE in codes:
            said = documentation(rule)
            described.append(
                {
                    "id": rule.CODE,
                    "name": "".join(part.title() for part in rule.__name__.rpartition(".")[2].split("_")),
                    "shortDescription": {"text": said.title},
                    "fullDescription": {"text": said.text},
                    "help": {"text": f"{said.title}\n\n{said.text}"},
                }
            )
    known = {rule["id"] for rule in described}
    return described + [{"id": code} for code in sorted(codes - known)]


def _result(reported: Reported, index: int, places: Places) -> dict[str, Any]:
    finding = reported.finding
    ways = [f"Fix: {finding.fix}"] if finding.fix else []
    ways += [f"Or: {other}" for other in finding.others]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join([finding.message, *ways])},
        "locations": [
            {
                **_location(finding.site, places),
                "logicalLocations": [{"name": name, "kind": "function"} for name in reported.functions],
            }
        ],
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(site, places), "message": {"text": said}}
            for number, (site, said) in enumerate(finding.related, 1)
        ]
    if finding.edits:
        result["fixes"] = [_fix(finding, places)]
    return result


def _fix(finding: Finding, places: Places) -> dict[str, Any]:
    changes: dict[Path, list[dict[str, Any]]] = {}
    for edit in finding.edits:
        changes.setdefault(edit.site.path, []).append(
            {
                "deletedRegion": _region(edit.site, places, is_exact=True),
                "insertedContent": {"text": edit.text},
            }
        )
    return {
        "description": {"text": finding.fix or finding.message},
        "artifactChanges": [
            {"artifactLocation": _artifact(path, places), "replacements": replacements}
            for path, replacements in changes.items()
        ],
    }


def _location(site: Site, places: Places) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(site.path, places),
            "region": _region(site, places),
        }
    }


def _artifact(path: Path, places: Places) -> dict[str, str]:
    from urllib.parse import quote

    if path.is_relative_to(places.folder):
        return {"uri": quote(places.shown(path)), "uriBaseId": _ROOT}
    return {"uri": path.as_uri()}


def _region(site: Site, places: Places, *, is_exact: bool = False) -> dict[str, int]:
    region = places.region(site, is_exact=is_exact)
    return {
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }
