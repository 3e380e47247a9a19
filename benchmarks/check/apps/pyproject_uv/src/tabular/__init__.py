from tabular.config import ForestConfig

__all__ = ["ForestConfig"]
