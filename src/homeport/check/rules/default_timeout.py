"""A function that trains has no timeout of its own

Without `timeout=` an attempt of a function may take 300 seconds; then it is ended, in the middle of an
epoch, and with the default of no retries the run is over. Training takes longer, and the first minutes of a
smoke run do not show it.

That a function trains is told by what it does: a backward pass, an optimiser's step, a trainer's `train()`
or `fit()`, a loop over epochs, a child process such as torchrun or train.py.

Bad:
    import modal

    app = modal.App("cats")

    @app.function(gpu="A100")
    def train(epochs: int = 10):
        import torch

        model = torch.nn.Linear(8, 2)
        optimizer = torch.optim.AdamW(model.parameters())
        for epoch in range(epochs):
            loss = model(torch.randn(4, 8)).square().mean()
            loss.backward()
            optimizer.step()

Good:
    import modal

    app = modal.App("cats")

    @app.function(gpu="A100", timeout=24 * 60 * 60)
    def train(epochs: int = 10):
        import torch

        model = torch.nn.Linear(8, 2)
        optimizer = torch.optim.AdamW(model.parameters())
        for epoch in range(epochs):
            loss = model(torch.randn(4, 8)).square().mean()
            loss.backward()
            optimizer.step()
"""

from collections.abc import Iterator

from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.check.rules._given import has_more, remote_functions
from homeport.check.rules._training import training

CODE = "HP401"


def check(facts: Facts) -> Iterator[Finding]:
    for function in remote_functions(facts):
        if "timeout" in function.options or has_more(function):
            continue
        evidence = training(function, facts.events.get(function.name, ()))
        if evidence is not None:
            yield Finding(
                CODE,
                function.site,
                f"{function.name} has no timeout= and is ended after 300 seconds, though it trains: "
                f"{evidence.what}",
                "warning",
                function.name,
                fix=f"Say how long an attempt of {function.name} may take, timeout=24 * 60 * 60 at most, "
                "in its "
                "decorator.",
                related=((evidence.site, "trains here"),),
            )
