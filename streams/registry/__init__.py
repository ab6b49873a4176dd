"""Law, scoring and policy as data, and their loaders: YAML that lawyers and policy owners edit."""
