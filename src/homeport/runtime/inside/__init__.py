"""What runs inside containers' trees, and what puts containers together; see __main__.py for the ways in.

Standard library only, Python 3.9 or later, single-threaded: it runs on the image's own Python, and forks.
"""
