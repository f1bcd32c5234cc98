"""What `sam build` makes, checked as it would be uploaded."""
