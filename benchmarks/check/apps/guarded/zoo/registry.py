import importlib

MODELS = {"small": "zoo.models.small", "large": "zoo.models.large"}


def load(name):
    return importlib.import_module(MODELS[name]).Network()
