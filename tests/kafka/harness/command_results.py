"""What a command in this process answered."""

from click.testing import Result


def done(result: Result) -> str:
    """The output of a command that succeeded."""
    assert result.exit_code == 0, result.output
    return result.output


def refused(result: Result, *parts: str) -> str:
    """The output of a command that was refused, in which these words stand."""
    assert result.exit_code == 1, result.output
    for part in parts:
        assert part in result.output
    return result.output
