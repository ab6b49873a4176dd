"""Checks a folder with a transparency report, of any platform, against the templates and their instructions."""
