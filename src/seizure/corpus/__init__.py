"""Corpora: which recordings there are, what their annotations say, and which split each belongs to."""
