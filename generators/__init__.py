"""What writes the generated files.

Schemas, the AsyncAPI document, a page, dashboards, resources, calendars.
"""
