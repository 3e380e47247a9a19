"""A function that trains is retried, and begins anew each time

With `retries=` an attempt that fails, is ended by its timeout or loses its machine is followed by another,
with the same arguments. Where nothing reads back what the last one saved, each begins at step 0: it pays
for the same epochs again, and never gets further than one attempt does.

Bad:
    import modal

    app = modal.App("cats")
    outputs = modal.Volume.from_name("cats", create_if_missing=True)

    @app.function(gpu="A100", timeout=3600, retries=3, volumes={"/outputs": outputs})
    def train(epochs: int = 100):
        import torch

        model = torch.nn.Linear(8, 2)
        optimizer = torch.optim.AdamW(model.parameters())
        for epoch in range(epochs):
            model(torch.randn(4, 8)).square().mean().backward()
            optimizer.step()
            torch.save(model.state_dict(), "/outputs/model.pt")
            outputs.commit()

Good:
    from pathlib import Path

    import modal

    app = modal.App("cats")
    outputs = modal.Volume.from_name("cats", create_if_missing=True)

    @app.function(gpu="A100", timeout=3600, retries=3, volumes={"/outputs": outputs})
    def train(epochs: int = 100):
        import torch

        model = torch.nn.Linear(8, 2)
        optimizer = torch.optim.AdamW(model.parameters())
        begin = 0
        if Path("/outputs/model.pt").exists():
            saved = torch.load("/outputs/model.pt")
            model.load_state_dict(saved["model"])
            begin = saved["epoch"] + 1
        for epoch in range(begin, epochs):
            model(torch.randn(4, 8)).square().mean().backward()
            optimizer.step()
            torch.save({"model": model.state_dict(), "epoch": epoch}, "/outputs/model.pt")
            outputs.commit()
"""

from collections.abc import Iterator

from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.check.rules._given import option_site, remote_functions, retries_of
from homeport.check.rules._training import goes_on, training

CODE = "HP405"


def check(facts: Facts) -> Iterator[Finding]:
    for function in remote_functions(facts):
        retries = retries_of(function)
        if not retries or "retries" not in function.options:
            continue
        events = facts.events.get(function.name, ())
        evidence = training(function, events)
        is_followed = any(event.module.path != function.module.path for event in events)
        if evidence is None or (evidence.is_child and not is_followed) or goes_on(facts, function, events):
            continue
        yield Finding(
            CODE,
            option_site(function, "retries"),
            f"{function.name} trains and is tried up to {retries + 1} times, and each attempt begins anew: "
            "nothing reads a checkpoint back",
            "warning",
            function.name,
            fix="Begin from the newest checkpoint in a Volume where there is one, or leave retries= out.",
            related=((evidence.site, "trains here"),),
        )
