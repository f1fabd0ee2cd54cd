"""One pull request under review: the groups it is in, and the pull requests most like it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ossgard.errors import HttpError, PermanentError, RetryableError
from ossgard.http import AccountContext
from ossgard.pipeline.reading import NOT_ALL_READ, Changes, as_read, changes_in
from ossgard.pipeline.signals import embed_pulls, ensure_collections, has_other_size, size_of, store_signals
from ossgard.pipeline.texts import code_point_id, embed_hash, intent_point_id
from ossgard.ports import VectorMatch
from ossgard.providers.github import Diff, PullGone, PullUnreadable
from ossgard.routes.dupes import read_groups
from ossgard.routes.repos import not_tracked
from ossgard.spec.entities import PR, EmbedHash, PRState, ReviewRow
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import Config, Review, ReviewedPR, SimilarPR
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION

SIMILAR = 10


@dataclass(frozen=True)
class _Matches:
    """The nearest by each signal."""

    code: Sequence[VectorMatch]
    intent: Sequence[VectorMatch]


async def get_review(context: AccountContext, owner: str, name: str, pr_number: int) -> Review:
    """The review; a pull request that is not stored, or not embedded, is read and embedded first.

    One whose vectors the store has lost is embedded again.
    """
    if pr_number < 1:
        raise _no_pull(owner, name, pr_number)
    rows = await context.account_db.list_review(owner, name, pr_number)
    if not rows:
        raise not_tracked(owner, name)
    row = rows[0]
    owner, name = row.owner, row.name
    config = context.config()
    try:
        if row.this_embed_hash is None:
            stored = await _fetch(context, row, pr_number)
            pull, matches = _reviewed(stored), await _embed(context, config, stored)
        else:
            pull = _stored(row, pr_number)
            matches = await _search(context, config, row, pr_number) or await _embed_again(context, config, row, pull)
    except PullGone:
        raise _no_pull(owner, name, pr_number) from None
    except RetryableError as error:
        raise HttpError(ErrorCode.SERVICE_UNAVAILABLE, str(error)) from error
    except PermanentError as error:
        raise HttpError(ErrorCode.SERVICE_REFUSED, str(error)) from error
    return Review(
        repo=f"{owner}/{name}",
        scan_id=row.scan_id,
        pr=pull,
        dupe_groups=read_groups(rows),
        similar_prs=await _similar(context, row.repo_id, pull, matches),
    )


def _stored(row: ReviewRow, number: int) -> ReviewedPR:
    # The columns of one row of `prs`, all there or none.
    assert row.this_id is not None
    assert row.this_title is not None
    assert row.this_author is not None
    assert row.this_state is not None
    return ReviewedPR(id=row.this_id, number=number, title=row.this_title, author=row.this_author, state=row.this_state)


def _reviewed(pull: PR) -> ReviewedPR:
    return ReviewedPR(id=pull.id, number=pull.number, title=pull.title, author=pull.author, state=pull.state)


async def _search(context: AccountContext, config: Config, row: ReviewRow, number: int) -> _Matches | None:
    """The nearest to a pull request whose vectors are stored; None when one of them is lost."""
    store, repo_id = context.services.vectors(config.vector_store), row.repo_id
    code_id, intent_id = code_point_id(repo_id, number), intent_point_id(repo_id, number)
    code = await store.search_by_id(CODE_COLLECTION, code_id, repo_id=repo_id, limit=SIMILAR)
    intent = await store.search_by_id(INTENT_COLLECTION, intent_id, repo_id=repo_id, limit=SIMILAR)
    # Who changes no file has no code signal.
    if intent is None or (code is None and row.this_has_files):
        return None
    return _Matches(code or [], intent)


async def _embed_again(context: AccountContext, config: Config, row: ReviewRow, pull: ReviewedPR) -> _Matches:
    stored = await context.account_db.get_pr_by_number(row.repo_id, pull.number)
    if stored is None:
        raise PullGone(f"{pull.number} has been deleted just now")
    return await _embed(context, config, stored)


async def _embed(context: AccountContext, config: Config, pull: PR) -> _Matches:
    """Embed a stored pull request, and store its vectors while it is open; its neighbours by the vectors at hand.

    The stored vectors may show only later.
    """
    services, repo_id = context.services, pull.repo_id
    shared = await context.account_db.get_shared_lines(repo_id)
    embedded = await embed_pulls(context.providers, [pull], shared.shared_lines if shared else ())
    if embedded.refusal is not None:
        raise PermanentError(embedded.refusal)
    signals = embedded.signals
    store = services.vectors(config.vector_store)
    if await has_other_size(store, size_of(signals)):
        message = "What is stored of this repository was embedded by another model: a scan embeds it anew"
        raise HttpError(ErrorCode.SCAN_NEEDED, message)
    await ensure_collections(store, size_of(signals))
    [signal] = signals
    code = await store.search(CODE_COLLECTION, signal.code, repo_id=repo_id, limit=SIMILAR + 1) if signal.code else []
    intent = await store.search(INTENT_COLLECTION, signal.intent, repo_id=repo_id, limit=SIMILAR + 1)
    if pull.state is PRState.OPEN:
        await store_signals(store, repo_id, signals)
        hash = embed_hash(pull.diff_hash, pull.title, pull.body, pull.file_paths)
        await services.db.update_pr_embed_hashes([EmbedHash(id=pull.id, embed_hash=hash)])
    return _Matches(code, intent)


async def _fetch(context: AccountContext, row: ReviewRow, number: int) -> PR:
    """A pull request as GitHub has it now, stored."""
    owner, name = row.owner, row.name
    github = context.providers.github()
    pull = await github.pull(owner, name, number)
    if None not in (row.github_id, pull.repository_id) and pull.repository_id != row.github_id:
        raise PermanentError(
            f"{owner}/{name} is another repository on GitHub now than the one whose pull requests are stored. Delete "
            "it here and add it again"
        )
    paths = await github.files(owner, name, number)
    diff = None
    # Without it, files and words are compared, and the next scan asks for it again.
    with suppress(PullUnreadable):
        diff = await github.diff(owner, name, number)
    changes = changes_in(diff, pull) if isinstance(diff, Diff) else Changes()
    updated_at = pull.updated_at if diff is not None else NOT_ALL_READ
    read = as_read(f"{owner}/{name}", pull, pull.state, paths, changes, updated_at)
    return await context.services.db.upsert_pr(row.repo_id, read)


async def _similar(context: AccountContext, repo_id: int, pull: ReviewedPR, matches: _Matches) -> list[SimilarPR]:
    """The pull requests nearest by either signal, best first, never the one under review."""
    code, intent = ({match.pr_number: match.score for match in signal} for signal in (matches.code, matches.intent))
    numbers = sorted((code.keys() | intent.keys()) - {pull.number})
    found = await context.account_db.get_prs_by_numbers(repo_id, numbers) if numbers else []
    similar = [
        SimilarPR(
            pr_id=other.id,
            pr_number=other.number,
            title=other.title,
            author=other.author,
            state=other.state,
            code_score=code.get(other.number, 0.0),
            intent_score=intent.get(other.number, 0.0),
        )
        for other in found
    ]
    best_first = sorted(similar, key=lambda other: (-max(other.code_score, other.intent_score), other.pr_number))
    return best_first[:SIMILAR]


def _no_pull(owner: str, name: str, number: int) -> HttpError:
    message = f"GitHub has no pull request {number} in {owner}/{name}, or the token may not read it"
    return HttpError(ErrorCode.PR_NOT_FOUND, message)
