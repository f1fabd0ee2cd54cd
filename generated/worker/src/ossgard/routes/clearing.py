"""Deleting what is the caller's."""

from ossgard.http import AccountContext
from ossgard.pipeline.purge import request_purge
from ossgard.spec.models import Ok


async def clear_scans(context: AccountContext) -> Ok:
    """Delete the account's scans."""
    await context.account_db.clear_scans()
    return Ok(ok=True)


async def clear_repos(context: AccountContext) -> Ok:
    """Delete the account's repositories."""
    await context.account_db.clear_repos()
    await request_purge(context.services)
    return Ok(ok=True)


async def reset_all(context: AccountContext) -> Ok:
    """Delete the account."""
    await context.account_db.reset_all()
    await request_purge(context.services)
    return Ok(ok=True)
