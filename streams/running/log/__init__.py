"""Logs with transactions: how they are read, written and fenced, and which positions they hold."""
