"""An ignore comment that takes nothing back.

`# homeport: ignore[HP101]` at the end of a line takes back what is found there; alone on its line, what is
found in the next; `# homeport: ignore-file[HP101]` what is found in the file. Without brackets both take
back everything. A comment whose finding is gone hides the next one that comes to stand there.

Bad:
    import modal

    app = modal.App("tidy")


    @app.function()  # homeport: ignore[HP101]
    def work() -> int:
        return 1

Good:
    import modal

    app = modal.App("tidy")


    @app.function()
    def work() -> int:
        return 1
"""

from collections.abc import Iterable

from homeport.check.facts import Facts
from homeport.check.findings import Finding

CODE = "HP004"


def check(facts: Facts) -> Iterable[Finding]:
    """Nothing: what comments take back is known when all other rules have been asked (ignores.py)."""
    return ()
