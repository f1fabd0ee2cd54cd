"""Phase `embed`: turns new and changed pull requests into vectors, one for their code, one for their intent."""

from dataclasses import replace

from ossgard.pipeline.batch.embed import changed_hash, embed_in_batches
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.signals import embed_pulls, is_missing, size_of, store_signals
from ossgard.pipeline.text_cleaning import find_shared_lines
from ossgard.pipeline.vector_size import prepare_collections
from ossgard.ports import VectorStore
from ossgard.spec import writes
from ossgard.spec.cursors import ClusterCursor, EmbedCursor
from ossgard.spec.entities import PR, EmbedHash, Progress, SharedLinesInput
from ossgard.spec.phases import PHASES
from ossgard.sql_methods import MAX_INTEGER

SLICE_SIZE = PHASES["embed"].slice_size
# How many stored pull requests one slice looks through for changed ones, in how large pieces.
PAGES = 8
PAGE_SIZE = 100
# How many pages of descriptions are read to find what they share.
BODIES_PAGES = 5


class EmbedPhase:
    """Brings the vectors up to date; what has not changed is not embedded again, unless the scan is a full one."""

    async def run(self, slice: Slice[EmbedCursor]) -> Outcome:
        """Embed up to a slice of changed pull requests, and only then record that they are.

        When the account wants batches, they go first, and leave to this way what they could not do.
        """
        store = slice.services.vectors(slice.config.vector_store)
        if slice.cursor.total is None:
            slice = await _start_embedding(slice, store)
        step = await embed_in_batches(slice, store)
        if isinstance(step, Outcome):
            return step
        cursor = slice.cursor
        changed, seen, last = await _find_changed(slice, cursor.after_number)
        shared = await slice.shared_lines() if changed else ()
        embedded = await embed_pulls(slice.providers, [pull for pull, _ in changed], shared)
        rows = []
        if embedded.signals:
            # Nothing has been stored since it began anew.
            restarted = not cursor.after_number and cursor.intent_token is None and cursor.restarts > 0
            size = size_of(embedded.signals)
            restart = await prepare_collections(
                slice, store, size, restarted=restarted, batch=cursor.batch, embedding_tokens=embedded.tokens
            )
            if restart is not None:
                return restart
            cursor = (await store_signals(store, slice.repo_id, embedded.signals)).kept_in(cursor)
            stored = {signals.pr_id for signals in embedded.signals}
            hashes = [EmbedHash(id=pull.id, embed_hash=hash) for pull, hash in changed if pull.id in stored]
            rows = [writes.update_pr_embed_hashes(hashes)]
        progress = None
        if last is None:
            tokens = ClusterCursor(code_token=cursor.code_token or None, intent_token=cursor.intent_token or None)
            next: NextPhase | NextSlice = NextPhase(tokens)
        else:
            done, total = cursor.done + seen, cursor.total or 0
            progress = Progress(done=min(done, total), total=total, note=None)
            next = NextSlice(replace(cursor, after_number=last, done=done))
        return Outcome(next, rows, embedding_tokens=embedded.tokens, progress=progress, warnings=embedded.warnings)


async def _start_embedding(slice: Slice[EmbedCursor], store: VectorStore) -> Slice[EmbedCursor]:
    """See to it that the hashes tell what is to be embedded: all, in a full scan or when a collection is not there."""
    if await is_missing(store):
        # Nothing is embedded, whatever the hashes say: the collection is new, or somebody has removed it.
        if slice.config.vector_store is None:
            await slice.db.clear_all_embed_hashes()
        else:
            await slice.account_db.clear_embed_hashes()
    elif slice.cursor.full:
        await slice.account_db.clear_repo_embed_hashes(slice.repo_id)
    await _find_template(slice)
    return replace(slice, cursor=EmbedCursor(total=await slice.account_db.count_open_prs(slice.repo_id)))


async def _find_template(slice: Slice[EmbedCursor]) -> None:
    """Record which lines the newest descriptions share."""
    bodies: list[str] = []
    before = MAX_INTEGER
    for _ in range(BODIES_PAGES):
        page = await slice.account_db.list_bodies(slice.repo_id, before, PAGE_SIZE)
        bodies += [one.body for one in page]
        if len(page) < PAGE_SIZE:
            break
        before = page[-1].number
    shared = SharedLinesInput(lines=find_shared_lines(bodies, await slice.shared_lines()))
    await slice.db.update_shared_lines(slice.repo_id, shared)


async def _find_changed(slice: Slice[EmbedCursor], after: int) -> tuple[list[tuple[PR, str]], int, int | None]:
    """The next changed pull requests with their new hashes, how many were looked at, and where to go on if anywhere."""
    changed: list[tuple[PR, str]] = []
    seen = 0
    for _ in range(PAGES):
        pulls = await slice.account_db.list_open_prs_after(slice.repo_id, after, PAGE_SIZE)
        for pull in pulls:
            hash = changed_hash(pull)
            if hash is not None:
                changed.append((pull, hash))
            seen, after = seen + 1, pull.number
            if len(changed) == SLICE_SIZE:
                return changed, seen, after
        if len(pulls) < PAGE_SIZE:
            return changed, seen, None
    return changed, seen, after
