"""How long something took or lasts, as commands and pages show it to people."""


def human_duration(seconds: float) -> str:
    """0.25 -> '0.25 s', 7.3 -> '7.3 s', 75 -> '1 min 15 s', 7300 -> '2 h 1 min'; 0 for less than nothing,
    which a clock that was set back gives."""
    seconds = max(seconds, 0.0)
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    if whole < 86400:
        return _two(whole // 3600, "h", whole % 3600 // 60, "min")
    return _two(whole // 86400, "d", whole % 86400 // 3600, "h")


def human_age(seconds: float) -> str:
    """How long ago something was, in its largest unit: '3 min'."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _two(many: int, unit: str, rest: int, smaller: str) -> str:
    return f"{many} {unit} {rest} {smaller}" if rest else f"{many} {unit}"
