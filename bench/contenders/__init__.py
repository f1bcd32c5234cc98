"""Four programs for one job: copy the JSON and the file of every invoice into S3. Each runs as its own process."""
