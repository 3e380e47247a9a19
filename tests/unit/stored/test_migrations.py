"""The numbers of migrations: a database notes the highest one that it has seen."""

from importlib import resources


def test_migrations_are_numbered_without_gap_and_each_number_once() -> None:
    names = sorted(file.name for file in (resources.files("homeport.store") / "migrations").iterdir())
    numbers = [int(name.split("_")[0]) for name in names if name.endswith(".sql")]
    assert numbers == list(range(1, len(numbers) + 1)), names
