"""The command line: `tocsin`.

Each command is a module named after it, or a folder whose `command.py` holds its options and help, and has a
line in `table.py`. `main.py` imports a command when it is called. `shared/` holds what several commands use.
`explained_errors.py` turns errors that a person can fix into messages and exit codes.

A command takes one parameter per option, because click passes them so. Commands with many options therefore
have many parameters.
"""
