import yaml


def load_config(path):
    """A configuration with that of `base`, a file beside it, below it."""
    config = yaml.safe_load(path.read_text())
    if "base" in config:
        config = merge(load_config(path.parent / config.pop("base")), config)
    return config


def merge(below, above):
    merged = dict(below)
    for key, value in above.items():
        merged[key] = merge(below[key], value) if isinstance(value, dict) and key in below else value
    return merged
