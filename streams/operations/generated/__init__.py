"""What writes generated files: schemas, the page of metrics, the dashboard."""
