"""Follows what Python code does, in order, without running it: an interpreter whose values may be unknown.

objects.py are the values that only exist here, core.py what is true at the moment (search path, working
folder, certainty), and imports.py, expressions.py, calls.py, processes.py and statements.py a part of the
language each; library.py knows the pure functions of the standard library. walk.py puts them together.
"""
