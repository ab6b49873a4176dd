"""Requests to one server, which is verified and never left."""
