"""Checks any platform's transparency report, a folder, against the official templates and instructions."""
