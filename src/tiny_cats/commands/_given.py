"""Options that say nothing in some company are refused there, where somebody gave them."""

import click
from click.core import ParameterSource


def refuse_given(parameter: str, sentence: str) -> None:
    """Raises UsageError with the sentence if the option of this parameter was typed."""
    source = click.get_current_context().get_parameter_source(parameter)
    if source not in (None, ParameterSource.DEFAULT):
        raise click.UsageError(sentence)
