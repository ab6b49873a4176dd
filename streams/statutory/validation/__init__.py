"""Checks a folder with any platform's transparency report against the templates and instructions."""
