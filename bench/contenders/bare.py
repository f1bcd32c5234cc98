"""The practical minimum: threads, pooled HTTP connections, boto3, and no safeguards."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config

from bench.measuring import job_from_arguments, measured

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from bench.measuring import Job

_HEADERS = {"Authorization": "bench:bench"}


def main() -> None:
    """Creates the clients, then runs the job."""
    job = job_from_arguments()
    http = urllib3.PoolManager(maxsize=job.workers, retries=False)
    s3 = boto3.client("s3", config=Config(max_pool_connections=job.workers))
    measured(job, partial(_copy_all, job, http, s3))


def _copy_all(job: Job, http: urllib3.PoolManager, s3: S3Client) -> int:
    copied = []
    with ThreadPoolExecutor(job.workers) as executor:
        page = 1
        while page:
            answer = http.request(
                "GET", f"{job.qonto}/v2/client_invoices?per_page=100&page={page}", headers=_HEADERS
            ).json()
            copied += [executor.submit(_copy, job, http, s3, invoice) for invoice in answer["client_invoices"]]
            page = answer["meta"]["next_page"]
    return sum(future.result() for future in copied)


def _copy(job: Job, http: urllib3.PoolManager, s3: S3Client, invoice: dict[str, Any]) -> int:
    key = f"client_invoices/{invoice['id']}"
    s3.put_object(Bucket=job.bucket, Key=f"{key}.json", Body=json.dumps(invoice).encode())
    attachment = http.request("GET", f"{job.qonto}/v2/attachments/{invoice['attachment_id']}", headers=_HEADERS).json()
    file = http.request("GET", attachment["attachment"]["url"])
    s3.put_object(Bucket=job.bucket, Key=f"{key}.pdf", Body=file.data)
    return 1


if __name__ == "__main__":
    main()
