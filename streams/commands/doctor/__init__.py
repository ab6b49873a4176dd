"""Proves on a cluster what Tocsin relies on."""
