"""Signatures under rows of law, in a folder of the platform."""
