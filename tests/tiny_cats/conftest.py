"""Imported before any test's torch: sets how its threads wait, as in every process of the pipeline."""

import tiny_cats  # noqa: F401
