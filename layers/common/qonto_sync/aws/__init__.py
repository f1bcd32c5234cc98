"""DynamoDB, S3, SQS and Secrets Manager through boto3."""
