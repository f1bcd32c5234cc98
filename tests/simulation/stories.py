"""Stories that chance tells once in ten thousand seeds, kept as departures from the calm course."""

from __future__ import annotations

from typing import Final

from tests.simulation.decisions import Kind, Point

FOUR_WRITERS: Final[dict[Point, int]] = {
    Point("world", "PDFs repeat", Kind.WORLD, 1): 1,
    Point("world", "pages per slice", Kind.WORLD, 1): 1,
    Point("schedule", "hour", Kind.START, 1): 5,
    Point("sync-1", "s3.create_multipart_upload", Kind.DELAY, 1): 3,
    Point("sync-1", "s3.upload_part", Kind.DELAY, 2): 3,
    Point("sync-1b", "s3.create_multipart_upload", Kind.DELAY, 1): 3,
    Point("sync-1", "s3.complete_multipart_upload", Kind.FAULT, 1): 1,
    Point("sync-1", "s3.complete_multipart_upload", Kind.DELAY, 2): 3,
    Point("sync-1b", "dynamodb.put_item", Kind.USER, 1): 64,
    Point("sync-1b", "files.open", Kind.DELAY, 2): 2,
    Point("sync-1b", "files.part", Kind.DELAY, 4): 2,
    Point("sync-1b", "s3.put_object", Kind.DELAY, 4): 2,
    Point("sync-1b", "s3.head_object", Kind.DELAY, 6): 3,
    Point("sync-1", "dynamodb.put_item", Kind.DELAY, 6): 3,
    Point("sync-1b", "qonto.invoice", Kind.DELAY, 3): 2,
    Point("retry-1", "dynamodb.batch_get_item", Kind.DELAY, 1): 3,
    Point("queue", "order", Kind.QUEUE, 5): 1,
    Point("retry-2", "qonto.invoice", Kind.DELAY, 1): 3,
    Point("retry-1", "files.part", Kind.USER, 1): 21,
    Point("retry-1", "files.part", Kind.DELAY, 1): 3,
    Point("retry-2", "dynamodb.batch_get_item", Kind.DELAY, 4): 3,
    Point("retry-6", "dynamodb.put_item", Kind.DELAY, 1): 3,
    Point("retry-7", "dynamodb.batch_get_item", Kind.USER, 1): 63,
    Point("retry-7", "s3.upload_part", Kind.DELAY, 2): 3,
    Point("retry-7", "dynamodb.batch_get_item", Kind.DELAY, 3): 3,
}
"""Two runs and several retries archive the same invoice while its PDF is made anew, and again."""
