"""The sequential loop from Qonto's guide, reimplemented: page by page, invoice by invoice, each put into S3."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import urllib3

from bench.measuring import job_from_arguments, measured

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from bench.measuring import Job

_HEADERS = {"Authorization": "bench:bench"}


def main() -> None:
    """Creates the clients, then runs the job."""
    job = job_from_arguments()
    measured(job, partial(_sync, job, urllib3.PoolManager(), boto3.client("s3")))


def _sync(job: Job, http: urllib3.PoolManager, s3: S3Client) -> int:
    def get(path: str) -> Any:
        return http.request("GET", f"{job.qonto}{path}", headers=_HEADERS).json()

    copied = 0
    page = 1
    while page:
        answer = get(f"/v2/client_invoices?per_page=100&page={page}")
        for invoice in answer["client_invoices"]:
            key = f"client_invoices/{invoice['id']}"
            s3.put_object(Bucket=job.bucket, Key=f"{key}.json", Body=json.dumps(invoice).encode())
            attachment = get(f"/v2/attachments/{invoice['attachment_id']}")["attachment"]
            file = http.request("GET", attachment["url"])
            s3.put_object(Bucket=job.bucket, Key=f"{key}.pdf", Body=file.data)
            copied += 1
        page = answer["meta"]["next_page"]
    return copied


if __name__ == "__main__":
    main()
