"""dlt, used as its documentation shows: paged resource, deferred downloads, `filesystem` destination; 16 threads."""

# dlt is installed in another environment, which mypy does not use.
# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

import os
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import dlt
from dlt.common.storages.configuration import FilesystemConfiguration
from dlt.common.storages.fsspec_filesystem import fsspec_from_config
from dlt.sources.credentials import AwsCredentials
from dlt.sources.helpers import requests
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from bench.measuring import job_from_arguments, measured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.measuring import Job

_HEADERS = {"Authorization": "bench:bench"}


def main() -> None:
    """Creates the pipeline and its clients, then runs the job."""
    job = job_from_arguments()
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "EXTRACT__WORKERS": str(job.workers),
        # The default would leave threads idle.
        "EXTRACT__MAX_PARALLEL_ITEMS": str(2 * job.workers),
        # The benchmark counts the lines.
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    }
    credentials = AwsCredentials(
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region_name=os.environ["AWS_REGION"],
        endpoint_url=job.aws,
    )
    bucket = f"s3://{job.bucket}"
    storage, _ = fsspec_from_config(FilesystemConfiguration(bucket_url=bucket, credentials=credentials))
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=folder,
            destination=dlt.destinations.filesystem(bucket_url=bucket, credentials=credentials),
            dataset_name="qonto",
        )
        measured(job, partial(_load, pipeline, job, storage))


def _load(pipeline: Any, job: Job, storage: Any) -> str:
    pipeline.run(_source(job, storage), loader_file_format="jsonl").raise_on_failed_jobs()
    return "loaded"


# Keeps each JSON document whole: without this, its lists would become tables of their own.
@dlt.source(name="qonto", max_table_nesting=0)
def _source(job: Job, storage: Any) -> Any:
    api = RESTClient(
        job.qonto,
        headers=_HEADERS,
        paginator=PageNumberPaginator(base_page=1, total_path="meta.total_pages"),
        data_selector="client_invoices",
    )

    @dlt.resource(write_disposition="append")
    def client_invoices() -> Iterator[Any]:
        yield from api.paginate("/v2/client_invoices", params={"per_page": 100})

    @dlt.transformer(data_from=client_invoices)
    def files(page: list[dict[str, Any]]) -> Iterator[Any]:
        @dlt.defer
        def copied(invoice: dict[str, Any]) -> dict[str, Any]:
            attachment = requests.get(
                f"{job.qonto}/v2/attachments/{invoice['attachment_id']}", headers=_HEADERS
            ).json()["attachment"]
            content = requests.get(attachment["url"]).content
            storage.pipe_file(f"{job.bucket}/files/{invoice['id']}.pdf", content)
            return {"invoice_id": invoice["id"], "attachment_id": attachment["id"], "size": len(content)}

        for invoice in page:
            yield copied(invoice)

    return client_invoices, files


if __name__ == "__main__":
    main()
