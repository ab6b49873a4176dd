"""`tocsin completion`: prints the script that lets a shell complete commands, options and values."""

import click
from click.shell_completion import get_completion_class

# click derives this name from the program's name.
_VARIABLE = "_TOCSIN_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands.

    With it the Tab key completes commands, options and values after `tocsin`.

    \b
    To set it up for every new shell:
      bash  echo 'eval "$(tocsin completion bash)"' >> ~/.bashrc
      zsh   echo 'eval "$(tocsin completion zsh)"' >> ~/.zshrc
      fish  tocsin completion fish > ~/.config/fish/completions/tocsin.fish
    """  # noqa: D301 - \b tells click not to rewrap the paragraph
    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(context.find_root().command, {}, "tocsin", _VARIABLE).source())
