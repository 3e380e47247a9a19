"""A file that Python cannot read.

An app whose file is not valid Python cannot be run, and one that imports such a file fails there. Newer
syntax than that of the Python which runs the check is no error: the Python of the app may know it. It is
said as a note, since nothing else can be said of the file.

Bad:
    import modal

    app = modal.App("typo")


    @app.function()
    def work() -> int
        return 1

Good:
    import modal

    app = modal.App("typo")


    @app.function()
    def work() -> int:
        return 1
"""

import re
from collections.abc import Iterable

from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.check.values import Site

CODE = "HP001"
_LINE = re.compile(r"line (\d+): ")


def check(facts: Facts) -> Iterable[Finding]:
    for path, module in facts.modules.items():
        if not module.error:
            continue
        line = _LINE.match(module.error)
        what = module.error[line.end() :] if line else module.error
        site = Site(path, int(line[1]) if line else 1)
        if not module.is_refused:
            yield Finding(CODE, site, f"{path.name} is not read any further: {what}", "note")
        elif path == facts.entry.path:
            yield Finding(CODE, site, f"{path.name} is no file that Python can run: {what}", "error")
        else:
            yield Finding(CODE, site, f"{path.name} is no module that can be imported: {what}", "warning")
