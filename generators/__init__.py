"""What writes the generated files: schemas, the AsyncAPI document, a page, dashboards, resources, calendars."""
