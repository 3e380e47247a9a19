"""Runs that tests show: one with all that a record can hold, and as many others as wanted."""

from dataclasses import replace

from homeport.control.runs.records import RunFilter, RunRow
from homeport.model.errors import NotFoundError
from homeport.record.run import (
    Argument,
    Attempt,
    Call,
    Command,
    ConfigFile,
    Contract,
    Count,
    Folder,
    Function,
    Git,
    Image,
    Launcher,
    Limits,
    Machine,
    Note,
    Place,
    Run,
    Sample,
    ShellVariable,
    Source,
    SourceFile,
    Variable,
    Violation,
    Volume,
)

AT = 1_790_000_000.0
RUN_ID = "ap-" + "a" * 22
TASK_ID = "ta-" + "t" * 22


def curve(seconds: int, *, gpu: bool = False) -> tuple[Sample, ...]:
    return tuple(
        Sample(AT + 3 + n, 1.0 + n % 5 / 4, (200 + 3 * n) << 20, 0.5 if gpu else None, 1 << 30 if gpu else 0)
        for n in range(0, seconds, 2)
    )


def whole_run(run_id: str = RUN_ID, *, text: str = "") -> Run:
    """Every field filled; `text` is put into all that is text, to see that no place shows it as markup."""

    def t(own: str) -> str:
        return f"{own}{text}"

    place = Place(t("/root/train.py"), 12, t("main"))
    child = Note(
        AT + 3,
        12,
        "child",
        argv=(t("python"), "train.py"),
        changes={t("BGB_LIMIT_FILES"): "d2"},
        stack=(place,),
        task_id=TASK_ID,
    )
    notes = (
        Note(AT + 2, 12, "read", name=t("BGB_LIMIT_FILES"), how="get", stack=(place,), task_id=TASK_ID),
        Note(AT + 2, 12, "set", name=t("EPOCHS"), digest="d1", stack=(place,), task_id=TASK_ID),
        Note(AT + 2, 12, "unset", name=t("EPOCHS"), stack=(place,), task_id=TASK_ID),
        child,
    )
    environment = (
        Variable(t("BGB_LIMIT_FILES"), t('Secret "brain"'), digest="d0", shadowed=(t("image: ENV"),)),
        Variable(t("MODEL"), t("image: ENV MODEL=small"), value=t("small")),
        Variable("HOME", "platform", value=t("/root")),
    )
    violation = Violation(
        t("train"),
        t("3734"),
        t("50"),
        t("expected 3734 train files, saw 50; BGB_LIMIT_FILES came from Secret brain"),
        t("app.py:17"),
        AT + 5,
        TASK_ID,
    )
    return Run(
        run_id=run_id,
        app_id=RUN_ID,
        name=t("fifty-files"),
        environment=t("main"),
        function=t("train"),
        state="failed",
        outcome=t("stopped by its contract"),
        started_at=AT,
        ended_at=AT + 62,
        launcher=Launcher(
            (t("/venv/bin/modal"), "run", t("app.py::train")),
            t("/home/me/project"),
            4711,
            t("me"),
            t("modal 1.6.4, Python 3.11.2"),
            shell=(ShellVariable(t("BGB_LIMIT_FILES"), "d0"),),
        ),
        source=Source(
            t("app.py"),
            (SourceFile(t("/root/app.py"), "ab" * 32, 1200),),
            Git(t("/home/me"), t("c0ffee"), t("main"), True, t("--- a\n+++ b\n-x\n+y\n"), True),
        ),
        images=(
            Image(
                "im-" + "i" * 22,
                t("debian"),
                t("3.11"),
                (t("RUN pip install x"),),
                {t("numpy"): t("2.3")},
                (t("CPU build of torch"),),
            ),
        ),
        functions=(
            Function(
                t("train"),
                "im-" + "i" * 22,
                environment,
                (t("brain"),),
                Limits({t("cpu"): t("2 cores")}, {t("cpu"): t("1 core")}),
                place,
            ),
        ),
        volumes=(Volume(t("results"), "vo-" + "v" * 22, t("/results"), t("s1"), t("s2"), True),),
        calls=(
            Call(
                "fc-" + "c" * 22,
                t("train"),
                (Argument(t("config_path"), t('"a.yaml"'), "default"),),
                120,
                30,
                1,
                AT + 1,
                AT + 60,
                t("in-1"),
            ),
        ),
        configs=(ConfigFile(t("/app/a.yaml"), "cd" * 32, t("limit: 50\n"), place, TASK_ID, t("mount")),),
        folders=(Folder(t("/data"), 50, 2, place, t("results")),),
        notes=notes,
        attempts=(
            Attempt(
                TASK_ID,
                t("train"),
                AT,
                AT + 1,
                AT + 3,
                AT + 60,
                1,
                t("killed"),
                80.0,
                700 << 20,
                (t("H100"),),
                31,
                curve(56, gpu=True),
                command=(t("sh"),),
                commands=(Command(AT + 20, ("sh", "-c", t("ls"))),),
            ),
            Attempt("ta-" + "u" * 22, t("train"), AT + 1, AT + 2),
        ),
        counts=(Count(t("train"), t("50"), t("Loading 50 train files"), AT + 4, TASK_ID),),
        contract=Contract(
            t("full"),
            t("homeport.toml"),
            "broken",
            "stop",
            {t("train"): t("3734"), t("val"): t("933")},
            {t("train"): t("50")},
            (violation,),
        ),
        machine=Machine(8, 16 << 30, (t("H100"),), t("Linux 6.1"), t("namespaces"), t("0.1.0")),
        not_honoured=(t("region was not honoured"),),
        missing=(t("git could not be asked"),),
    )


class MadeRecords:
    """Records as the pages ask for them, from memory."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        self.sentences: list[str] = []

    def rows(self, wanted: RunFilter, *, limit: int, page: int) -> list[RunRow]:
        return self._wanted(wanted)[page * limit : (page + 1) * limit]

    def count(self, wanted: RunFilter) -> int:
        return len(self._wanted(wanted))

    def apps(self) -> list[str]:
        return sorted({run.name for run in self.runs})

    def damaged(self) -> list[str]:
        return self.sentences

    def find(self, named: str) -> str:
        for each in self.runs:
            if named == "latest" or each.run_id.startswith(named):
                return each.run_id
        raise NotFoundError(f"There is no run {named!r}.")

    def row(self, run_id: str) -> RunRow:
        return row_of(self.record(run_id))

    def record(self, run_id: str) -> Run:
        for each in self.runs:
            if each.run_id == run_id:
                return each
        raise NotFoundError(f"There is no run {run_id!r}.")

    def _wanted(self, wanted: RunFilter) -> list[RunRow]:
        return [row for row in map(row_of, self.runs) if _fits(row, wanted)]


def row_of(run: Run) -> RunRow:
    contract = run.contract or Contract("")
    return RunRow(
        run.run_id,
        run.app_id,
        run.kind,
        run.state,
        run.name,
        run.environment,
        run.function,
        run.outcome,
        contract.name,
        contract.verdict,
        run.started_at,
        run.ended_at,
    )


def _fits(row: RunRow, wanted: RunFilter) -> bool:
    return (
        wanted.state in ("", row.state)
        and wanted.kind in ("", row.kind)
        and wanted.app in ("", row.app)
        and wanted.verdict in ("", row.verdict)
        and wanted.text in f"{row.run_id} {row.app} {row.outcome}"
    )


def many_runs(number: int) -> list[Run]:
    states = ("succeeded", "failed", "running", "stopped")
    return [
        replace(
            whole_run(f"ap-{n:022d}"),
            state=states[n % 4],
            started_at=AT - 60 * n,
            ended_at=0.0 if n % 4 == 2 else AT - 60 * n + 40,
            name=f"app-{n % 5}",
            outcome=f"outcome number {n}",
        )
        for n in range(number)
    ]
