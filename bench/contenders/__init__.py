"""Four ways to do one job: the JSON and the file of every invoice into S3. Each is a process of its own."""
