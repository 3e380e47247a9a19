"""Follows what Python code does, in order, without running it: an interpreter whose values may be unknown.

objects.py has the values that exist only here, core.py what is true at the moment: the search path, the
working folder, how certain it is to get here. Each other file is a part of the language: attributes and
expressions; assignments, blocks (branches, loops, try) and statements; imports; binding and following
functions, methods, calls, and effects that calls of Python's own have (environment, search_path);
processes that run scripts. library.py knows the pure functions of the standard library, operators.py and
beginnings.py how values are computed. walk.py puts the parts together.
"""
