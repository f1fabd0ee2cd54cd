"""Phase `embed`: turns new and changed pull requests into vectors, one for their code, one for their intent."""

from ossgard import writes
from ossgard.entities import PR, EmbedHash, Progress
from ossgard.errors import PermanentError
from ossgard.model import JsonObject
from ossgard.phases import PHASES
from ossgard.pipeline.cursor import flag, number, text
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.signals import embed_pulls, ensure_collections, has_other_size, is_missing, size_of, store_signals
from ossgard.pipeline.texts import embed_hash

SLICE_SIZE = PHASES["embed"].slice_size
# How many stored pull requests one slice looks through for changed ones, in how large pieces.
PAGES = 8
PAGE_SIZE = 100
# How often two scans with vectors of different sizes may take the collections from each other.
MAX_RESTARTS = 3


class EmbedPhase:
    """Brings the vectors up to date; what has not changed is not embedded again, unless the scan is a full one."""

    async def run(self, slice: Slice) -> Outcome:
        """Embed up to a slice of changed pull requests, and only then record that they are."""
        store = slice.services.vectors(slice.config.vector_store)
        after, total = number(slice.cursor, "afterNumber"), number(slice.cursor, "total")
        if "total" not in slice.cursor:
            total = await slice.db.count_open_prs(slice.repo_id)
            if await is_missing(store):
                # Nothing is embedded, whatever the hashes say: the collection is new, or somebody has removed it.
                if slice.config.vector_store is None:
                    await slice.services.db.clear_all_embed_hashes()
                else:
                    await slice.db.clear_embed_hashes()
        changed, seen, last = await _find_changed(slice, after)
        cursor: JsonObject = {**slice.cursor, "total": total}
        outcome_writes = []
        input_tokens = 0
        if changed:
            pulls = [pull for pull, _ in changed]
            signals = await embed_pulls(slice.services, slice.config, pulls)
            input_tokens = sum(signal.input_tokens for signal in signals)
            dimensions = size_of(signals)
            if await has_other_size(store, dimensions):
                if after or not number(slice.cursor, "restarts"):
                    return _restart(slice, total, input_tokens)
                # Whoever has embedded since the restart loses that, too.
                await slice.services.db.clear_all_embed_hashes()
            await ensure_collections(store, dimensions)
            cursor |= await store_signals(store, slice.repo_id, pulls, signals)
            hashes = [EmbedHash(id=pull.id, embed_hash=hash) for pull, hash in changed]
            outcome_writes = [writes.update_pr_embed_hashes(hashes)]
        if last is None:
            tokens_only = {key: text(cursor, key) for key in ("codeToken", "intentToken") if text(cursor, key)}
            return Outcome(NextPhase({**tokens_only}), outcome_writes, input_tokens=input_tokens)
        done = number(slice.cursor, "done") + seen
        cursor |= {"afterNumber": last, "done": done}
        progress = Progress(done=min(done, total), total=total, note=None)
        return Outcome(NextSlice(cursor), outcome_writes, input_tokens=input_tokens, progress=progress)


def _restart(slice: Slice, total: int, input_tokens: int) -> Outcome:
    """Forget what everybody has stored, since it is about to go, and begin anew.

    This is committed before the vectors go: killed after that, the phase still begins anew.
    """
    restarts = number(slice.cursor, "restarts") + 1
    if restarts > MAX_RESTARTS:
        raise PermanentError(
            "Another scan embeds with vectors of another size at the same time. Start the scan again when it has "
            "ended, or use the same embedding model for both"
        )
    cursor: JsonObject = {"total": total, "restarts": restarts}
    return Outcome(NextSlice(cursor), [writes.clear_all_embed_hashes()], input_tokens=input_tokens)


async def _find_changed(slice: Slice, after: int) -> tuple[list[tuple[PR, str]], int, int | None]:
    """The next changed pull requests with their new hashes, how many were looked at, and where to go on if anywhere."""
    changed: list[tuple[PR, str]] = []
    seen, full = 0, flag(slice.cursor, "full")
    for _ in range(PAGES):
        pulls = await slice.db.list_open_prs_after(slice.repo_id, after, PAGE_SIZE)
        for pull in pulls:
            hash = embed_hash(pull.diff_hash, pull.title, pull.body, pull.file_paths)
            if hash != pull.embed_hash or full:
                changed.append((pull, hash))
            seen, after = seen + 1, pull.number
            if len(changed) == SLICE_SIZE:
                return changed, seen, after
        if len(pulls) < PAGE_SIZE:
            return changed, seen, None
    return changed, seen, after
