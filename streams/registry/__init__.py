"""Law, scoring and policies as YAML files that lawyers and policy owners edit, and their loaders."""
