"""Values of Secrets that containers of an app were given, which no record may hold."""

from collections.abc import Iterable

from homeport.control.runs.outcomes import Reading
from homeport.plan.environment import Variable
from homeport.record.masking import ExactValues
from homeport.store.database import Database


def handed(db: Reading, app_id: str) -> ExactValues:
    """What to leave out of the records of an app's runs."""
    return ExactValues(row["value"] for row in db.all("secrets_handed", app_id=app_id))


class HandedSecrets:
    """The same for an engine, which is asked for each call."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[set[str], ExactValues]] = {}  # by app

    def of(self, app_id: str) -> ExactValues:
        return self._of(app_id)[1]

    def hand(self, app_id: str, variables: Iterable[Variable]) -> bool:
        """A container of the app will be given these; whether any value is new."""
        fresh = {variable.value for variable in variables if variable.secret} - self._of(app_id)[0]
        self._db.run_many("secret_hand", [{"app_id": app_id, "value": value} for value in sorted(fresh)])
        if fresh:
            del self._known[app_id]
        return bool(fresh)

    def sweep(self) -> None:
        """Forgets those of apps that have stopped and whose records are written."""
        for row in self._db.all("secrets_handed_sweep"):
            self._known.pop(row["app_id"], None)

    def _of(self, app_id: str) -> tuple[set[str], ExactValues]:
        known = self._known.get(app_id)
        if known is None:
            values = {row["value"] for row in self._db.all("secrets_handed", app_id=app_id)}
            known = self._known[app_id] = (values, ExactValues(values))
        return known
