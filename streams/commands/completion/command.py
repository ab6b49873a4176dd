"""`tocsin completion`: makes the Tab key complete commands, options and values."""

import click
from click.shell_completion import get_completion_class

# click's own name for it, from the name of the program.
_VARIABLE = "_TOCSIN_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands.

    The Tab key then completes commands, options and their values after `tocsin`.

    \b
    To have it in every new shell:
      bash  echo 'eval "$(tocsin completion bash)"' >> ~/.bashrc
      zsh   echo 'eval "$(tocsin completion zsh)"' >> ~/.zshrc
      fish  tocsin completion fish > ~/.config/fish/completions/tocsin.fish
    """  # noqa: D301 - click's mark for a paragraph that is not to be wrapped
    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(context.find_root().command, {}, "tocsin", _VARIABLE).source())
