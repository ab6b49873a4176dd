"""Sends events to an HTTPS address as signed CloudEvents."""
