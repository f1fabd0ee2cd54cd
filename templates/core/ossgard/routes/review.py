"""One pull request under review: the groups it is in, and the pull requests most like it."""

from collections.abc import Sequence
from contextlib import suppress

from ossgard.config import parse_stored
from ossgard.errors import HttpError, PermanentError, RetryableError
from ossgard.http import AccountContext
from ossgard.pipeline.reading import NOT_ALL_READ
from ossgard.pipeline.signals import embed_pulls, ensure_collections, has_other_size, size_of, store_signals
from ossgard.pipeline.texts import (
    CODE_COLLECTION,
    INTENT_COLLECTION,
    code_point_id,
    diff_hash,
    embed_hash,
    intent_point_id,
)
from ossgard.ports import VectorMatch, VectorStore
from ossgard.providers.factory import Providers
from ossgard.providers.github import Diff, PullGone, PullUnreadable
from ossgard.routes.dupes import read_groups
from ossgard.routes.repos import not_tracked
from ossgard.spec.entities import PR, EmbedHash, PRInput, PRState, ReviewRow
from ossgard.spec.models import Config, Review, ReviewedPR, SimilarPR
from ossgard.sql_methods import MAX_INTEGER

SIMILAR = 10

# The matches of each signal, code first.
Matches = tuple[Sequence[VectorMatch], Sequence[VectorMatch]]


async def get_review(context: AccountContext, owner: str, name: str, pr_number: int) -> Review:
    """The review; a pull request that is not stored, or not embedded, is read and embedded first."""
    if not 0 < pr_number < MAX_INTEGER:
        raise _no_pull(owner, name, pr_number)
    rows = await context.db.list_review(owner, name, pr_number)
    if not rows:
        raise not_tracked(owner, name)
    config = parse_stored(context.account.config)
    try:
        if rows[0].this_embed_hash is None:
            pull, matches = await _read(context, config, rows[0].repo_id, owner, name, pr_number)
        else:
            pull = _stored(rows[0], pr_number)
            matches = await _search(context.services.vectors(config.vector_store), rows[0].repo_id, pr_number)
    except PullGone:
        raise _no_pull(owner, name, pr_number) from None
    except RetryableError as error:
        raise HttpError(503, str(error)) from error
    except PermanentError as error:
        raise HttpError(400, str(error)) from error
    return Review(
        repo=f"{owner}/{name}",
        scan_id=rows[0].scan_id,
        pr=pull,
        dupe_groups=read_groups(rows),
        similar_prs=await _similar(context, rows[0].repo_id, pull, matches),
    )


def _stored(row: ReviewRow, number: int) -> ReviewedPR:
    # The columns of one row of `prs`, all there or none.
    assert row.this_id is not None
    assert row.this_title is not None
    assert row.this_author is not None
    assert row.this_state is not None
    return ReviewedPR(id=row.this_id, number=number, title=row.this_title, author=row.this_author, state=row.this_state)


async def _search(store: VectorStore, repo_id: int, number: int) -> Matches:
    """The nearest to a pull request whose vectors are stored."""
    code_id, intent_id = code_point_id(repo_id, number), intent_point_id(repo_id, number)
    code = await store.search_by_id(CODE_COLLECTION, code_id, repo_id=repo_id, limit=SIMILAR)
    return code, await store.search_by_id(INTENT_COLLECTION, intent_id, repo_id=repo_id, limit=SIMILAR)


async def _read(
    context: AccountContext, config: Config, repo_id: int, owner: str, name: str, number: int
) -> tuple[ReviewedPR, Matches]:
    """Read a pull request from GitHub, embed and store it; its neighbours by the vectors at hand.

    The stored vectors may show only later.
    """
    services = context.services
    pull = await _fetch(context, config, repo_id, owner, name, number)
    embedded = await embed_pulls(services, config, [pull])
    if embedded.refusal is not None:
        raise PermanentError(embedded.refusal)
    signals = embedded.signals
    store = services.vectors(config.vector_store)
    if await has_other_size(store, size_of(signals)):
        raise PermanentError("What is stored was embedded by another model: start a scan, which embeds everything anew")
    await ensure_collections(store, size_of(signals))
    [signal] = signals
    code = await store.search(CODE_COLLECTION, signal.code, repo_id=repo_id, limit=SIMILAR + 1) if signal.code else []
    intent = await store.search(INTENT_COLLECTION, signal.intent, repo_id=repo_id, limit=SIMILAR + 1)
    if pull.state is PRState.OPEN:
        await store_signals(store, repo_id, signals)
        hash = embed_hash(pull.diff_hash, pull.title, pull.body, pull.file_paths)
        await services.db.update_pr_embed_hashes([EmbedHash(id=pull.id, embed_hash=hash)])
    reviewed = ReviewedPR(id=pull.id, number=number, title=pull.title, author=pull.author, state=pull.state)
    return reviewed, (code, intent)


async def _fetch(context: AccountContext, config: Config, repo_id: int, owner: str, name: str, number: int) -> PR:
    """A pull request as GitHub has it now, stored."""
    github = Providers(context.services, config).github()
    pull = await github.pull(owner, name, number)
    paths = await github.files(owner, name, number)
    diff = None
    # Without it, files and words are compared, and the next scan asks for it again.
    with suppress(PullUnreadable):
        diff = await github.diff(owner, name, number)
    return await context.services.db.upsert_pr(
        repo_id,
        PRInput(
            number=number,
            title=pull.title,
            body=pull.body,
            author=pull.author,
            diff_hash=diff_hash(diff.text) if isinstance(diff, Diff) else None,
            file_paths=paths,
            state=pull.state,
            github_etag=diff.etag if isinstance(diff, Diff) else None,
            created_at=pull.created_at,
            updated_at=pull.updated_at if diff is not None else NOT_ALL_READ,
        ),
    )


async def _similar(context: AccountContext, repo_id: int, pull: ReviewedPR, matches: Matches) -> list[SimilarPR]:
    """The pull requests nearest by either signal, best first, never the one under review."""
    code, intent = ({match.pr_number: match.score for match in signal} for signal in matches)
    numbers = sorted((code.keys() | intent.keys()) - {pull.number})
    found = await context.db.get_prs_by_numbers(repo_id, numbers) if numbers else []
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
    return HttpError(404, f"GitHub has no pull request {number} in {owner}/{name}, or the token may not read it")
