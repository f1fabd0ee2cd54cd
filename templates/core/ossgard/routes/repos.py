"""The repositories that an account tracks."""

from ossgard.errors import HttpError
from ossgard.http import AccountContext
from ossgard.pipeline.purge import request_purge
from ossgard.spec.entities import Repo, RepoOverview
from ossgard.spec.models import CreateRepo
from ossgard.validation import INVALID


async def list_repos(context: AccountContext) -> list[RepoOverview]:
    """All of them, with their counts and active scans."""
    return await context.db.list_repos()


async def create_repo(context: AccountContext, body: CreateRepo) -> Repo:
    """Track a repository."""
    check_names(body)
    repo = await context.db.insert_repo(body.owner, body.name)
    if repo is None:
        raise HttpError(409, f"{body.owner}/{body.name} is tracked already")
    return repo


async def delete_repo(context: AccountContext, owner: str, name: str) -> None:
    """Stop tracking a repository."""
    repo = await context.db.get_repo_by_owner_name(owner, name)
    if repo is None or not await context.db.delete_repo(repo.id):
        raise not_tracked(owner, name)
    await request_purge(context.services)


def check_names(repository: CreateRepo) -> None:
    """Refuse what could be stored, but never be named in a URL: clients fold `.` and `..` away.

    Raises:
        HttpError: 400.
    """
    fields = {
        field: ["is not a name that GitHub allows"]
        for field, value in (("owner", repository.owner), ("name", repository.name))
        if value in (".", "..") or any(character < " " or character == "\x7f" for character in value)
    }
    if fields:
        raise HttpError(400, INVALID, fields)


def not_tracked(owner: str, name: str) -> HttpError:
    """The answer about a repository that the account does not track."""
    return HttpError(404, f"{owner}/{name} is not tracked: add it with POST /repos")
