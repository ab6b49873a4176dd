"""The command line: `tocsin`. One file per command."""
