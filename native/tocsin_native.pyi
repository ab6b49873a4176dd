"""What Python sees of the native core."""

__version__: str
"""The version of Tocsin from whose sources it was built."""
