"""What goes wrong with the registry."""


class RegistryError(Exception):
    """A file of rules cannot be used; each line of the message is `file:line: field: what is wrong`."""
