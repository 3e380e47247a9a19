"""Which Secrets the engine of this home has, by name: read from its database, whether it is up or not."""

from homeport.model.home import default_home


def secrets_here() -> frozenset[str] | None:
    """The names in all environments; None where no engine was ever started, or it cannot be read."""
    database = default_home().database
    if not database.exists():
        return None
    from homeport.store.reader import secrets

    found = secrets(database)
    return None if found is None else frozenset(row["name"] for row in found)
