"""Deletes what scans leave behind, once it is old: messages, what phases handed on, groups and answers of no use."""

from datetime import timedelta

from ossgard.services import Services
from ossgard.spec.phases import RETENTION
from ossgard.times import to_text


async def delete_old(services: Services) -> None:
    """Delete a bounded part of what is old enough, the oldest first.

    A scan is found by its last message, which goes when there is nothing more to delete of its repository.
    """
    db = services.db
    before = to_text(services.clock.now() - timedelta(days=RETENTION.days))
    await db.delete_ended_jobs(before, RETENTION.rows_a_sweep)
    unused_since = to_text(services.clock.now() - timedelta(days=RETENTION.unused_answers_days))
    await db.delete_unused_answers(unused_since, RETENTION.rows_a_sweep)
    for scan in await db.list_ended_scans(before, RETENTION.scans_a_sweep):
        groups = await db.delete_old_groups(scan.repo_id, RETENTION.scans_with_groups, RETENTION.rows_a_sweep)
        if groups < RETENTION.rows_a_sweep:
            await db.forget_scan_work(scan.scan_id)
