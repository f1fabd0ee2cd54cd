"""Phase `embed`: turns new and changed pull requests into vectors, one for their code, one for their intent."""

from dataclasses import replace

from ossgard.model import JsonObject
from ossgard.pipeline.batch.embed import changed_hash, embed_in_batches
from ossgard.pipeline.cursor import flag, number, text
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.signals import embed_pulls, is_missing, size_of, store_signals
from ossgard.pipeline.text_cleaning import find_shared_lines
from ossgard.pipeline.vector_size import make_ready
from ossgard.ports import VectorStore
from ossgard.spec import writes
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

    async def run(self, slice: Slice) -> Outcome:
        """Embed up to a slice of changed pull requests, and only then record that they are.

        When the account wants batches, they go first, and leave to this way what they could not do.
        """
        store = slice.services.vectors(slice.config.vector_store)
        if "total" not in slice.cursor:
            slice = await _begin(slice, store)
        waiting = await embed_in_batches(slice, store)
        if waiting is not None:
            return waiting
        after, total = number(slice.cursor, "afterNumber"), number(slice.cursor, "total")
        changed, seen, last = await _find_changed(slice, after)
        cursor = slice.cursor
        shared = await slice.shared_lines() if changed else ()
        embedded = await embed_pulls(slice.services, slice.config, [pull for pull, _ in changed], shared)
        rows = []
        if embedded.signals:
            # Nothing has been stored since it began anew.
            restarted = not after and "intentToken" not in cursor and number(cursor, "restarts") > 0
            size, batches = size_of(embedded.signals), _batches(slice)
            restart = await make_ready(
                slice, store, size, restarted=restarted, cursor=batches, embedding_tokens=embedded.tokens
            )
            if restart is not None:
                return restart
            cursor = {**cursor, **await store_signals(store, slice.repo_id, embedded.signals)}
            stored = {signals.pr_id for signals in embedded.signals}
            hashes = [EmbedHash(id=pull.id, embed_hash=hash) for pull, hash in changed if pull.id in stored]
            rows = [writes.update_pr_embed_hashes(hashes)]
        progress = None
        if last is None:
            tokens_only = {key: text(cursor, key) for key in ("codeToken", "intentToken") if text(cursor, key)}
            next: NextPhase | NextSlice = NextPhase({**tokens_only})
        else:
            done = number(slice.cursor, "done") + seen
            progress = Progress(done=min(done, total), total=total, note=None)
            next = NextSlice({**cursor, "afterNumber": last, "done": done})
        return Outcome(next, rows, embedding_tokens=embedded.tokens, progress=progress, warnings=embedded.warnings)


async def _begin(slice: Slice, store: VectorStore) -> Slice:
    """See to it that the hashes tell what is to be embedded: all, in a full scan or when a collection is not there."""
    if await is_missing(store):
        # Nothing is embedded, whatever the hashes say: the collection is new, or somebody has removed it.
        if slice.config.vector_store is None:
            await slice.services.db.clear_all_embed_hashes()
        else:
            await slice.db.clear_embed_hashes()
    elif flag(slice.cursor, "full"):
        await slice.db.clear_repo_embed_hashes(slice.repo_id)
    await _find_template(slice)
    return replace(slice, cursor={"total": await slice.db.count_open_prs(slice.repo_id)})


async def _find_template(slice: Slice) -> None:
    """Record which lines the newest descriptions share."""
    bodies: list[str] = []
    before = MAX_INTEGER
    for _ in range(BODIES_PAGES):
        page = await slice.db.list_bodies(slice.repo_id, before, PAGE_SIZE)
        bodies += [one.body for one in page]
        if len(page) < PAGE_SIZE:
            break
        before = page[-1].number
    shared = SharedLinesInput(lines=find_shared_lines(bodies))
    await slice.services.db.update_shared_lines(slice.repo_id, shared)


def _batches(slice: Slice) -> JsonObject:
    """How far the batches are, for a cursor that begins anew."""
    return {"batch": slice.cursor["batch"]} if "batch" in slice.cursor else {}


async def _find_changed(slice: Slice, after: int) -> tuple[list[tuple[PR, str]], int, int | None]:
    """The next changed pull requests with their new hashes, how many were looked at, and where to go on if anywhere."""
    changed: list[tuple[PR, str]] = []
    seen = 0
    for _ in range(PAGES):
        pulls = await slice.db.list_open_prs_after(slice.repo_id, after, PAGE_SIZE)
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
