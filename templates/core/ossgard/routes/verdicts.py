"""What persons say of pairs of pull requests: it outranks the chat model, and stays until it is taken back."""

from collections.abc import Sequence

from ossgard.errors import HttpError
from ossgard.http import AccountContext
from ossgard.routes.repos import not_tracked
from ossgard.spec.entities import PersonSays, Relationship, Repo, VerdictRow
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import PersonVerdict, Verdicts, VerdictView
from ossgard.times import to_text


async def list_verdicts(context: AccountContext, owner: str, name: str) -> Verdicts:
    """All that was said, the latest first."""
    rows = await context.account_db.list_verdicts(owner, name)
    if not rows:
        raise not_tracked(owner, name)
    return _shown(rows)


async def put_verdicts(context: AccountContext, owner: str, name: str, body: PersonVerdict) -> Verdicts:
    """Store what is said of a pull request and each of the others; what now holds of these pairs."""
    repo = await _tracked(context, owner, name)
    number, others = body.pr_number, sorted(set(body.other_pr_numbers))
    if number in others:
        raise HttpError(ErrorCode.INVALID_REQUEST, f"otherPrNumbers must not hold prNumber itself ({number})")
    stored = {pull.number for pull in await context.account_db.get_prs_by_numbers(repo.id, [number, *others])}
    missing = [one for one in (number, *others) if one not in stored]
    if missing:
        message = f"{repo.owner}/{repo.name} has no stored pull request {missing[0]}. A scan stores the open ones"
        raise HttpError(ErrorCode.PR_NOT_STORED, message)
    says = Relationship.NONE if body.verdict is PersonSays.NOT_DUPLICATE else Relationship.DUPLICATE
    keeps, now = body.verdict is PersonSays.KEEP, to_text(context.services.clock.now())
    await context.account_db.put_verdicts(repo.id, number, others, says, keeps, body.reason, now)
    rows = await context.account_db.list_verdicts(repo.owner, repo.name)
    pairs = {frozenset((number, other)) for other in others}
    return _shown([row for row in rows if frozenset((row.pr_number, row.other_number)) in pairs])


async def delete_verdict(context: AccountContext, owner: str, name: str, pr_number: int, other_pr_number: int) -> None:
    """Take back what was said of two pull requests, in whatever order they are named."""
    repo = await _tracked(context, owner, name)
    if not await context.account_db.delete_verdict(repo.id, pr_number, other_pr_number):
        message = f"Nothing was said of {repo.owner}/{repo.name}#{pr_number} and #{other_pr_number}"
        raise HttpError(ErrorCode.VERDICT_NOT_FOUND, message)


async def _tracked(context: AccountContext, owner: str, name: str) -> Repo:
    repo = await context.account_db.get_repo_by_owner_name(owner, name)
    if repo is None:
        raise not_tracked(owner, name)
    return repo


def _shown(rows: Sequence[VerdictRow]) -> Verdicts:
    return Verdicts(
        repo=f"{rows[0].owner}/{rows[0].name}",
        verdicts=[view for view in map(_view, rows) if view is not None],
    )


def _view(row: VerdictRow) -> VerdictView | None:
    """A verdict as it was said, the one to keep first; None where nothing was."""
    one, other = row.pr_number, row.other_number
    if one is None or other is None or row.created_at is None:
        return None
    if row.keep_number == other:
        one, other = other, one
    says = PersonSays.DUPLICATE if row.keep_number is None else PersonSays.KEEP
    return VerdictView(
        pr_number=one,
        other_pr_number=other,
        verdict=PersonSays.NOT_DUPLICATE if row.verdict is Relationship.NONE else says,
        reason=row.reason,
        created_at=row.created_at,
    )
