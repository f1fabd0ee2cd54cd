"""Phase `cluster`: finds the nearest neighbours of every open pull request, and joins them into candidate groups.

The slices of the first stage write neighbours above the thresholds to a table; one slice in the end reads them all and
joins them with equal diffs. A pull request whose vectors the store has lost is embedded again, once a scan, and its
slice searched again.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ossgard.concurrency import gather_bounded
from ossgard.errors import PermanentError
from ossgard.log import log
from ossgard.pipeline.clustering import Edge, candidate_groups
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.signals import embed_pulls, ensure_collections, has_other_size, size_of, store_signals
from ossgard.pipeline.texts import code_point_id, embed_hash, intent_point_id
from ossgard.providers.factory import Providers
from ossgard.spec import writes
from ossgard.spec.cursors import ClusterCursor, VerifyCursor
from ossgard.spec.entities import CandidateInput, EmbedHash, NeighbourEdge, PRKey, Progress
from ossgard.spec.phases import PHASES
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION

SLICE_SIZE = PHASES["cluster"].slice_size
NEIGHBOURS = 10
CODE_THRESHOLD = 0.85
INTENT_THRESHOLD = 0.80
# How long, and how often, the indexes are waited for: ten minutes in all.
SETTLE_SECONDS = 5
SETTLE_TRIES = 120
# How many pull requests whose vectors are lost one slice embeds again at most.
LOST_SIZE = 50
# How many pull requests are read at once when all are.
KEYS_PAGE = 5000

CANDIDATE = "candidate"


class ClusterPhase:
    """Puts near pull requests together."""

    async def run(self, slice: Slice[ClusterCursor]) -> Outcome:
        """Wait for the indexes, then find neighbours, then join them."""
        if not await _settled(slice):
            return _wait(slice)
        if slice.cursor.stage == "join":
            return await _join(slice)
        return await _find_neighbours(slice)


async def _settled(slice: Slice[ClusterCursor]) -> bool:
    """Whether searches see the vectors that the embed phase has stored; a token is in the cursor until they do."""
    store = slice.services.vectors(slice.config.vector_store)
    tokens = {CODE_COLLECTION: slice.cursor.code_token, INTENT_COLLECTION: slice.cursor.intent_token}
    for collection, token in tokens.items():
        if token and not await store.settled(collection, token):
            return False
    return True


def _wait(slice: Slice[ClusterCursor]) -> Outcome:
    tries = slice.cursor.tries + 1
    if tries > SETTLE_TRIES:
        raise PermanentError(
            f"The vector index has not caught up after {SETTLE_SECONDS * SETTLE_TRIES} seconds. "
            "Start the scan again later; what is embedded already will not be embedded again"
        )
    progress = Progress(done=0, total=0, note="waiting for the vector index")
    return Outcome(NextSlice(replace(slice.cursor, tries=tries), SETTLE_SECONDS), progress=progress)


async def _find_neighbours(slice: Slice[ClusterCursor]) -> Outcome:
    """Write down the neighbours of some pull requests."""
    after, done = slice.cursor.after_number, slice.cursor.done
    pulls = await slice.db.list_open_pr_keys(slice.repo_id, after, SLICE_SIZE)
    total = slice.cursor.total or await slice.db.count_open_prs(slice.repo_id)
    edges, lost = await _edges(slice, pulls)
    # Once each: a store that loses them again would be filled for ever.
    again = [pull for pull in lost if pull.number > slice.cursor.embedded_to][:LOST_SIZE]
    if again:
        progress = Progress(done=min(done, total), total=total, note="embedding again what the vector store has lost")
        here = ClusterCursor(after_number=after, done=done, total=total, embedded_to=again[-1].number)
        return await _embed_again(slice, again, here, progress)
    done += len(pulls)
    progress = Progress(done=min(done, total), total=total, note=None)
    rows = [writes.insert_neighbour_edges(slice.scan_id, edges)] if edges else []
    if len(pulls) < SLICE_SIZE:
        return Outcome(NextSlice(ClusterCursor(stage="join")), rows, progress=progress)
    cursor = ClusterCursor(after_number=pulls[-1].number, done=done, total=total)
    return Outcome(NextSlice(cursor), rows, progress=progress)


async def _embed_again(
    slice: Slice[ClusterCursor], lost: Sequence[PRKey], here: ClusterCursor, progress: Progress
) -> Outcome:
    """Store the vectors of pull requests anew; when searches see them, the phase goes on from `here`."""
    log(logging.WARNING, "vectors are lost", scan=slice.scan_id, count=len(lost))
    found = await slice.open_pulls(pull.id for pull in lost)
    pulls = [found[pull.id] for pull in lost if pull.id in found]
    if not pulls:
        return Outcome(NextSlice(here), progress=progress)
    embedded = await embed_pulls(slice.providers, pulls)
    # What the provider refuses now has no vectors, whatever it did before.
    rows = [writes.update_pr_embed_hash(pull.id, None) for pull in embedded.refused]
    if not embedded.signals:
        return Outcome(
            NextSlice(here), rows, embedding_tokens=embedded.tokens, progress=progress, warnings=embedded.warnings
        )
    store = slice.services.vectors(slice.config.vector_store)
    if await has_other_size(store, size_of(embedded.signals)):
        await slice.db.clear_repo_embed_hashes(slice.repo_id)
        raise PermanentError(
            "Some vectors are lost, and the others were embedded by another model. Start the scan again: it embeds "
            "everything anew"
        )
    await ensure_collections(store, size_of(embedded.signals))
    tokens = await store_signals(store, slice.repo_id, embedded.signals)
    stored = {signals.pr_id for signals in embedded.signals}
    hashes = [
        EmbedHash(id=pull.id, embed_hash=embed_hash(pull.diff_hash, pull.title, pull.body, pull.file_paths))
        for pull in pulls
        if pull.id in stored
    ]
    rows.append(writes.update_pr_embed_hashes(hashes))
    return Outcome(
        NextSlice(tokens.kept_in(here)),
        rows,
        embedding_tokens=embedded.tokens,
        progress=progress,
        warnings=embedded.warnings,
    )


async def _edges(slice: Slice[ClusterCursor], pulls: list[PRKey]) -> tuple[list[NeighbourEdge], list[PRKey]]:
    """The pairs above the thresholds, the smaller id first; and those of which a vector is lost, by number."""
    store = slice.services.vectors(slice.config.vector_store)
    scan = slice.config.scan
    thresholds = {
        CODE_COLLECTION: _given(scan.code_similarity_threshold if scan else None, CODE_THRESHOLD),
        INTENT_COLLECTION: _given(scan.intent_similarity_threshold if scan else None, INTENT_THRESHOLD),
    }
    point_ids = {CODE_COLLECTION: code_point_id, INTENT_COLLECTION: intent_point_id}
    lost: set[int] = set()

    async def near(pull: PRKey, collection: str) -> list[NeighbourEdge]:
        point_id = point_ids[collection](slice.repo_id, pull.number)
        matches = await store.search_by_id(collection, point_id, repo_id=slice.repo_id, limit=NEIGHBOURS)
        if matches is None:
            if pull.is_embedded and (pull.has_files or collection == INTENT_COLLECTION):
                lost.add(pull.number)
            return []
        return [
            NeighbourEdge(
                pr_id=min(pull.id, match.pr_id),
                neighbour_id=max(pull.id, match.pr_id),
                signal=collection,
                score=match.score,
            )
            for match in matches
            if match.score >= thresholds[collection] and match.pr_id != pull.id
        ]

    searches = [partial(near, pull, collection) for pull in pulls for collection in thresholds]
    found = await gather_bounded(searches, Providers(slice.services, slice.config).at_once)
    return [edge for edges in found for edge in edges], [pull for pull in pulls if pull.number in lost]


def _given(value: float | None, default: float) -> float:
    return default if value is None else value


async def _join(slice: Slice[ClusterCursor]) -> Outcome:
    """Make candidate groups of all neighbours and equal diffs."""
    keys: list[PRKey] = []
    while True:
        page = await slice.db.list_open_pr_keys(slice.repo_id, keys[-1].number if keys else 0, KEYS_PAGE)
        keys += page
        if len(page) < KEYS_PAGE:
            break
    edges = [
        Edge(near.pr_id, neighbour.id, neighbour.score)
        for near in await slice.services.db.list_neighbours(slice.scan_id)
        for neighbour in near.neighbours
    ]
    groups = candidate_groups({key.id: key.diff_hash for key in keys}, edges)
    candidates = [CandidateInput(position=place, pr_ids=ids, label=None) for place, ids in enumerate(groups, 1)]
    rows = [writes.insert_candidate_groups(slice.scan_id, CANDIDATE, candidates)] if candidates else []
    return Outcome(NextPhase(VerifyCursor(total=len(groups))), rows)
