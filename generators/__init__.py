"""Writes the files that are generated: schemas, AsyncAPI, metrics page, dashboards, Kubernetes, calendars."""
