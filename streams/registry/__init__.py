"""Law, categories, scoring, trust and policies as YAML files that people edit, and their loaders."""
