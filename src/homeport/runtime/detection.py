"""stub for now"""


def cure_for_namespaces() -> str:
    return ""
