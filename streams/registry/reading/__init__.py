"""Reading the texts of rules, so that an error names file, line and field."""
