"""The law applied to a report or a request."""
