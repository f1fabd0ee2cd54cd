"""Phase `cluster`: finds the nearest neighbours of every open pull request, and joins them into candidate groups.

The slices of the first stage write neighbours above the thresholds to a table; one slice in the end reads them all and
joins them with equal diffs.
"""

from functools import partial

from ossgard.concurrency import gather_bounded
from ossgard.errors import PermanentError
from ossgard.pipeline.clustering import Edge, candidate_groups
from ossgard.pipeline.cursor import number, text
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.texts import CODE_COLLECTION, INTENT_COLLECTION, code_point_id, intent_point_id
from ossgard.providers.factory import Providers
from ossgard.spec import writes
from ossgard.spec.entities import CandidateInput, NeighbourEdge, PRKey, Progress
from ossgard.spec.phases import PHASES

SLICE_SIZE = PHASES["cluster"].slice_size
NEIGHBOURS = 10
CODE_THRESHOLD = 0.85
INTENT_THRESHOLD = 0.80
# How long, and how often, the indexes are waited for: ten minutes in all.
SETTLE_SECONDS = 5
SETTLE_TRIES = 120
# How many pull requests are read at once when all are.
KEYS_PAGE = 5000

CANDIDATE = "candidate"


class ClusterPhase:
    """Puts near pull requests together."""

    async def run(self, slice: Slice) -> Outcome:
        """Wait for the indexes, then find neighbours, then join them."""
        if not await _settled(slice):
            return _wait(slice)
        if slice.cursor.get("stage") == "join":
            return await _join(slice)
        return await _find_neighbours(slice)


async def _settled(slice: Slice) -> bool:
    """Whether searches see the vectors that the embed phase has stored; a token is in the cursor until they do."""
    store = slice.services.vectors(slice.config.vector_store)
    for collection, key in ((CODE_COLLECTION, "codeToken"), (INTENT_COLLECTION, "intentToken")):
        token = text(slice.cursor, key)
        if token and not await store.settled(collection, token):
            return False
    return True


def _wait(slice: Slice) -> Outcome:
    tries = number(slice.cursor, "tries") + 1
    if tries > SETTLE_TRIES:
        raise PermanentError(
            f"The vector index has not caught up after {SETTLE_SECONDS * SETTLE_TRIES} seconds. "
            "Start the scan again later; what is embedded already will not be embedded again"
        )
    progress = Progress(done=0, total=0, note="waiting for the vector index")
    return Outcome(NextSlice({**slice.cursor, "tries": tries}, SETTLE_SECONDS), progress=progress)


async def _find_neighbours(slice: Slice) -> Outcome:
    """Write down the neighbours of some pull requests."""
    after, done = number(slice.cursor, "afterNumber"), number(slice.cursor, "done")
    pulls = await slice.db.list_open_pr_keys(slice.repo_id, after, SLICE_SIZE)
    total = number(slice.cursor, "total") or await slice.db.count_open_prs(slice.repo_id)
    edges = await _edges(slice, pulls)
    done += len(pulls)
    progress = Progress(done=min(done, total), total=total, note=None)
    rows = [writes.insert_neighbour_edges(slice.scan_id, edges)] if edges else []
    if len(pulls) < SLICE_SIZE:
        return Outcome(NextSlice({"stage": "join"}), rows, progress=progress)
    cursor = {"afterNumber": pulls[-1].number, "done": done, "total": total}
    return Outcome(NextSlice({**cursor}), rows, progress=progress)


async def _edges(slice: Slice, pulls: list[PRKey]) -> list[NeighbourEdge]:
    """The pairs above the thresholds, the smaller id first."""
    store = slice.services.vectors(slice.config.vector_store)
    scan = slice.config.scan
    thresholds = {
        CODE_COLLECTION: _given(scan.code_similarity_threshold if scan else None, CODE_THRESHOLD),
        INTENT_COLLECTION: _given(scan.intent_similarity_threshold if scan else None, INTENT_THRESHOLD),
    }
    point_ids = {CODE_COLLECTION: code_point_id, INTENT_COLLECTION: intent_point_id}

    async def near(pull: PRKey, collection: str) -> list[NeighbourEdge]:
        point_id = point_ids[collection](slice.repo_id, pull.number)
        matches = await store.search_by_id(collection, point_id, repo_id=slice.repo_id, limit=NEIGHBOURS)
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
    return [edge for edges in found for edge in edges]


def _given(value: float | None, default: float) -> float:
    return default if value is None else value


async def _join(slice: Slice) -> Outcome:
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
    return Outcome(NextPhase({"total": len(groups)}), rows)
