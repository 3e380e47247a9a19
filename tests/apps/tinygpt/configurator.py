"""`exec(open("configurator.py").read())`: a file of the config folder, then --key=value, override globals."""

import sys
from ast import literal_eval

for argument in sys.argv[1:]:
    if not argument.startswith("--"):
        print(f"Overriding config with {argument}:")
        exec(open(argument).read())
        continue
    key, _, value = argument[2:].partition("=")
    if key not in globals():
        raise ValueError(f"Unknown config key: {key}")
    try:
        value = literal_eval(value)
    except (SyntaxError, ValueError):
        pass
    assert isinstance(value, type(globals()[key])), f"{key} is a {type(globals()[key]).__name__}"
    print(f"Overriding: {key} = {value}")
    globals()[key] = value
