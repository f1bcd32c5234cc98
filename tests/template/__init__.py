"""What template.yaml promises, linters' blind spots above all."""
