"""The repositories that an account tracks."""

from ossgard.errors import HttpError
from ossgard.http import AccountContext
from ossgard.pipeline.purge import request_purge
from ossgard.spec.entities import Repo, RepoOverview
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import CreateRepo


async def list_repos(context: AccountContext) -> list[RepoOverview]:
    """All of them, with their counts and active scans."""
    return await context.account_db.list_repos()


async def create_repo(context: AccountContext, body: CreateRepo) -> Repo:
    """Track a repository."""
    repo = await context.account_db.insert_repo(body.owner, body.name)
    if repo is None:
        raise HttpError(ErrorCode.REPO_ALREADY_TRACKED, f"{body.owner}/{body.name} is tracked already")
    return repo


async def delete_repo(context: AccountContext, owner: str, name: str) -> None:
    """Stop tracking a repository."""
    repo = await context.account_db.get_repo_by_owner_name(owner, name)
    if repo is None or not await context.account_db.delete_repo(repo.id):
        raise not_tracked(owner, name)
    await request_purge(context.services)


def not_tracked(owner: str, name: str) -> HttpError:
    """The answer about a repository that the account does not track."""
    return HttpError(ErrorCode.REPO_NOT_TRACKED, f"{owner}/{name} is not tracked")
