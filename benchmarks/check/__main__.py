"""`python -m benchmarks.check [APPS…]`: plants faults into the apps and counts what the preflight finds.

Exit status 1 where a class is found in less than 95 % of its places, or an unharmed app gets an error.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.check.apps import OTHERS, App, by_name
from benchmarks.check.measure import Outcome, Said, measurement, said_of
from benchmarks.check.plant import plants

BAR = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("apps", nargs="*", metavar="APPS", help="of benchmarks/check/apps.py; default: all")
    parser.add_argument("--only", default="", metavar="WORDS", help="classes whose group and name hold this")
    parser.add_argument("--missed", action="store_true", help="show what was not found")
    parser.add_argument("--found", action="store_true", help="show what was found, with the finding")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables as Markdown")
    arguments = parser.parse_args()
    apps = by_name(arguments.apps)
    unharmed = said_of_unharmed((*apps, *(OTHERS if not arguments.apps and not arguments.only else ())))
    outcomes = measured(apps, arguments.only)
    figures = {"classes": by_class(outcomes), "unharmed": by_severity(unharmed)}
    show(figures)
    show_details(outcomes, unharmed, is_missed=arguments.missed, is_found=arguments.found)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(figures))
    return 0 if passes(figures) else 1


def said_of_unharmed(apps: tuple[App, ...]) -> dict[str, list[Said]]:
    """What is said of each app as it is, with the arguments that it is run with."""
    return {
        app.name: said_of(app, app.root, function=app.function, arguments=app.arguments or None)
        for app in apps
    }


def measured(apps: tuple[App, ...], only: str = "") -> list[tuple[str, Outcome]]:
    """The outcome of every fault that can be planted, with its group."""
    named = {app.name: app for app in apps}
    found = []
    with measurement() as each:
        for group, plant in plants(apps):
            if only in f"{group} {plant.fault}":
                found.append((group, each.outcome(named[plant.app], plant)))
                if len(found) % 50 == 0:
                    print(f"{len(found)} planted, at {plant.app}", file=sys.stderr, flush=True)
    return found


def by_class(outcomes: list[tuple[str, Outcome]]) -> list[dict[str, object]]:
    rows: dict[str, dict[str, object]] = {}
    for group, outcome in outcomes:
        row = rows.setdefault(
            outcome.plant.fault,
            {"group": group, "class": outcome.plant.fault, "planted": 0, "found": 0, "apps": set()},
        )
        row["planted"] = int(str(row["planted"])) + 1
        row["found"] = int(str(row["found"])) + outcome.is_found
        row["apps"] = {*row["apps"], outcome.plant.app}  # type: ignore[misc]
    return [{**row, "apps": len(row["apps"])} for row in rows.values()]  # type: ignore[arg-type]


def by_severity(unharmed: dict[str, list[Said]]) -> list[dict[str, object]]:
    counted = {name: Counter(one.severity for one in said) for name, said in unharmed.items()}
    return [
        {"app": name, **{each: count[each] for each in ("error", "warning", "note")}}
        for name, count in counted.items()
    ]


def share(row: dict[str, object]) -> float:
    return int(str(row["found"])) / int(str(row["planted"]))


def passes(figures: dict[str, list[dict[str, object]]]) -> bool:
    return all(share(row) >= BAR for row in figures["classes"]) and not any(
        row["error"] for row in figures["unharmed"]
    )


def show(figures: dict[str, list[dict[str, object]]]) -> None:
    console = Console()
    table = Table("class", "apps", "planted", "found", "", "", title="faults planted")
    for row in figures["classes"]:
        passed = "" if share(row) >= BAR else "below the bar"
        table.add_row(
            *(str(row[name]) for name in ("class", "apps", "planted", "found")), f"{share(row):.0%}", passed
        )
    console.print(table)
    table = Table("app", "errors", "warnings", "notes", title="apps that run, unharmed")
    for row in figures["unharmed"]:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


def show_details(
    outcomes: list[tuple[str, Outcome]], unharmed: dict[str, list[Said]], *, is_missed: bool, is_found: bool
) -> None:
    for name, said in unharmed.items():
        for one in said:
            if one.severity == "error" or is_missed:
                print(f"unharmed {name}: {one}")
    for _, outcome in outcomes:
        if (is_missed and not outcome.is_found) or (is_found and outcome.is_found):
            word = "found" if outcome.is_found else "MISSED"
            print(f"{word} {outcome.plant.app}: {outcome.plant.fault}: {outcome.plant.what}")
            for one in outcome.new:
                print(f"    {one}")


def markdown(figures: dict[str, list[dict[str, object]]]) -> str:
    lines = ["| class | apps | planted | found | |", "|---|---|---|---|---|"]
    for row in figures["classes"]:
        passed = "" if share(row) >= BAR else "below the bar"
        lines.append(f"| {row['class']} | {row['apps']} | {row['planted']} | {share(row):.0%} | {passed} |")
    lines += ["", "| app, unharmed | errors | warnings | notes |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(str(value) for value in row.values())} |" for row in figures["unharmed"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
