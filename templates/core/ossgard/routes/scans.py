"""Starting scans and watching them."""

import logging
from datetime import timedelta

from ossgard.errors import HttpError, PermanentError
from ossgard.http import AccountContext, Reply
from ossgard.log import log
from ossgard.pipeline.batch.rounds import WAITING
from ossgard.pipeline.batch.states import Submitted, kept_state
from ossgard.pipeline.outbox import job_id, send_step
from ossgard.spec.entities import Scan
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import ActiveScan, ScanOptions, StartedScan
from ossgard.spec.phases import FIRST_PHASE
from ossgard.times import from_text, to_text

# How often a scan is started again that ended just while it stood in the way of a new one.
_ATTEMPTS = 3


async def start_scan(context: AccountContext, owner: str, name: str, body: ScanOptions) -> Reply:
    """Start a scan, or answer with the one that is active."""
    # Said now, not by a scan that fails at once.
    context.config()
    options = body.model_dump(mode="json", by_alias=True)
    for _ in range(_ATTEMPTS):
        due_at = to_text(context.services.clock.now())
        scan = await context.account_db.start_scan(owner, name, options, FIRST_PHASE, due_at)
        if scan is not None:
            await _send_first(context, scan.id, due_at)
            return Reply(202, StartedScan(scan_id=scan.id, job_id=job_id(scan.id, 1), status=scan.status))
        active = await _active_scan(context, owner, name)
        if active is not None:
            return Reply(200, ActiveScan(scan_id=active.id, status=active.status))
    message = f"The scan of {owner}/{name} could not be started: try again"
    raise HttpError(ErrorCode.SCAN_NOT_STARTED, message, headers={"Retry-After": "1"})


async def get_scan(context: AccountContext, scan_id: int) -> Scan:
    """A scan, as far as it has come."""
    scan = await context.account_db.get_scan(scan_id)
    if scan is None:
        raise HttpError(ErrorCode.SCAN_NOT_FOUND, f"There is no scan {scan_id}")
    return await _with_age(context, scan)


async def _with_age(context: AccountContext, scan: Scan) -> Scan:
    """While a scan waits for a provider's batch, its progress tells for how long it has."""
    if scan.progress is None:
        return scan
    try:
        state = kept_state(scan.phase_cursor)
    except PermanentError:
        # The scan itself will say so when it goes on.
        return scan
    if not isinstance(state, Submitted) or await context.account_db.get_awaited_batch(scan.id) != state.id:
        return scan
    age = context.services.clock.now() - from_text(state.submitted_at)
    minutes = max(0, int(age / timedelta(minutes=1)))
    told = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    progress = scan.progress.model_copy(update={"note": f"{WAITING}, for {told}"})
    return scan.model_copy(update={"progress": progress})


async def _active_scan(context: AccountContext, owner: str, name: str) -> Scan | None:
    repo = await context.account_db.get_repo_by_owner_name(owner, name)
    return None if repo is None else await context.account_db.get_active_scan(repo.id)


async def _send_first(context: AccountContext, scan_id: int, due_at: str) -> None:
    """Send the first message; where that fails the scan is accepted all the same, since the sweep will send it."""
    try:
        await send_step(context.services, scan_id, 1, FIRST_PHASE, due_at)
    except Exception as error:
        log(logging.ERROR, "a first message could not be sent; the sweep will", error=error, scan=scan_id)
