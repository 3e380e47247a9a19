"""The smallest app: one function, called once."""

import modal

app = modal.App("hello")


@app.function()
def hello(name: str = "world") -> str:
    print(f"hello {name}")
    return name
