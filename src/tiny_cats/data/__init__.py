"""Pictures of cats: what a folder holds, how it is divided, and the cache. PyTorch only in batches.py.

Nothing is imported here: `predict` reads pictures by decode.py, where the training's packages are not.
"""
