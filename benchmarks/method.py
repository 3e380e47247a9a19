"""A class's warm call against a function's: the same, p50 within a tenth, through one engine in turns."""

from benchmarks.support.bench import Bench, caller
from benchmarks.support.figures import Figure, median, quartiles

BAR = 1.1
BLOCK = 100
WARM_UP = 50


def run(bench: Bench) -> list[Figure]:
    with caller(bench, bench.engine()) as calls:
        calls.ask(do="remote", count=WARM_UP)
        calls.ask(do="method", count=WARM_UP)
        function_ms, method_ms = [], []
        for number in range(bench.runs):
            order = (("remote", function_ms), ("method", method_ms))
            for do, found in order if number % 2 else reversed(order):  # who comes first has no advantage
                found.append(median(calls.ask(do=do, count=BLOCK)["seconds"]) * 1e3)
    ratios = [method / function for method, function in zip(method_ms, function_ms, strict=True)]
    return [
        Figure(
            "warm call of a class's method, by a function's",
            f"{BAR:g}",
            median(ratios),
            "times",
            len(ratios),
            passed=median(ratios) <= BAR,
            reference="a function's call, ms",
            reference_value=median(function_ms),
            ratio=median(ratios),
            spread=quartiles(ratios),
            note=f"each run is the median of {BLOCK} calls",
            parts={"method ms": median(method_ms), "function ms": median(function_ms)},
        )
    ]
