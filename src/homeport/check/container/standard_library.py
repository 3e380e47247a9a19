"""The standard library's modules, by Python version, on Linux."""

import sys
from functools import cache

_ADDED = {
    "3.9": "graphlib zoneinfo",
    "3.11": "tomllib",
    "3.14": "annotationlib compression",
    "3.15": "profiling",
}
_REMOVED = {
    "3.9": "_dummy_thread dummy_threading",
    "3.10": "formatter parser symbol",
    "3.11": "binhex",
    "3.12": "asynchat asyncore distutils imp smtpd",
    "3.13": "aifc audioop cgi cgitb chunk crypt imghdr mailcap nis nntplib ossaudiodev pipes sndhdr spwd "
    "sunau telnetlib uu xdrlib lib2to3",
    "3.15": "sre_compile sre_constants sre_parse",
}
_ELSEWHERE = """
_msi _overlapped _scproxy _winapi _wmi msilib msvcrt nt winreg winsound
"""


@cache
def modules(python_version: str) -> frozenset[str]:
    """Top-level names that a Python such as "3.11" has by itself."""
    wanted = _number(python_version)
    names = set(sys.stdlib_module_names) | {"test", "__main__"}
    for table in (_ADDED, _REMOVED):
        for text in table.values():
            names.update(text.split())
    names -= {name for version, text in _ADDED.items() if _number(version) > wanted for name in text.split()}
    names -= {
        name for version, text in _REMOVED.items() if _number(version) <= wanted for name in text.split()
    }
    return frozenset(names.difference(_ELSEWHERE.split()))


def removed_in(module: str) -> str:
    """The version that no longer has a module of the standard library, "" for one that was never removed."""
    return next((version for version, text in _REMOVED.items() if module in text.split()), "")


def added_in(module: str) -> str:
    """The version that was the first to have a module, "" for one that has always been there."""
    return next((version for version, text in _ADDED.items() if module in text.split()), "")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.rstrip("t").split(".")[:2])
