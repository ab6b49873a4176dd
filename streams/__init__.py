"""Tocsin: reports about messages in, escalations out, each exactly once."""

__version__ = "0.2.0"
