"""Marks reports as handled where they were made."""
