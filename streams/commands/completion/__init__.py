"""`tocsin completion`: prints the script that lets a shell complete commands, options and values."""
