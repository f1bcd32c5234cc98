"""S3, DynamoDB and SQS in memory, for the simulation and for the benchmark's server.

Each service takes requests and gives answers in boto3's shape, raises botocore's `ClientError`, and covers the calls
that this project makes. An expression that it does not cover raises `ValueError`; it is never evaluated approximately.
`tests/simulation/test_services_*.py` run the same cases on these services and on moto.
"""
