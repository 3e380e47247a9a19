"""How long something took, and how much it took, in words."""


def human_duration(seconds: float) -> str:
    """0.25 -> '0.25 s', 75 -> '1 min 15 s', 7300 -> '2 h 1 min'."""
    seconds = max(seconds, 0.0)
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
