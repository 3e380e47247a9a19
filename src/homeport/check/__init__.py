"""The preflight: says of a Modal app what would fail in its containers, before anything is built.

Data flows one way: source.py reads files, reading/ (static) or loading.py (exact) makes the app's objects,
container/ lays out each function's container, walk.py follows what its code does in order, and rules/ look
at all of it (facts.py) and yield findings (findings.py). Rules do no I/O. gathering.py is the one place that
calls these in turn.
"""
