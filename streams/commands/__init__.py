"""The command line: `tocsin`.

Each command has a folder, named after it, with a `command.py` that holds the command's options and help; the
folder's `__init__` exports the command. `shared/` holds what several commands use. `main.py` puts the
commands together, and turns errors that a person can fix into messages and exit codes.

A command takes one parameter per option, because click passes them so. Commands with many options therefore
have many parameters.
"""
