import os


def full() -> dict[str, str]:
    return os.environ.copy()


def smoke() -> dict[str, str]:
    found = os.environ.copy()
    found["LIMIT"] = "5"
    return found
