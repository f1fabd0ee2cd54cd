"""Phase `cluster`: finds what is near to each open pull request, and chooses the pairs that are to be asked about.

1. search: the nearest by both vectors. A pull request whose vectors the store has lost is embedded again, once a scan,
   and its slice searched again;
2. words: the nearest by the words of the title, and by the changed lines;
3. choose: the database adds up the places in these lists, see `chooseCandidatePairs` in spec/database.yaml.

The lists are kept from scan to scan: only for pull requests that are new or changed is anything searched.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ossgard.concurrency import gather_bounded
from ossgard.errors import PermanentError
from ossgard.log import log
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.signals import embed_pulls, ensure_collections, has_other_size, size_of, store_signals
from ossgard.pipeline.texts import code_point_id, embed_hash, intent_point_id
from ossgard.pipeline.token_index import TokenIndex, documents_of, title_words
from ossgard.spec import writes
from ossgard.spec.cursors import ClusterCursor, VerifyCursor
from ossgard.spec.entities import EmbedHash, Neighbour, NeighbourListInput, PRKey, Progress
from ossgard.spec.phases import PHASES
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION

SLICE_SIZE = PHASES["cluster"].slice_size
# What a list holds: more than the ten that count, since others leave when they are closed.
NEIGHBOURS = 15
SCORE_DIGITS = 5
# For how many pull requests one slice looks through the words and lines of all.
WORDS_SIZE = 1000
CANDIDATES_PER_PR = 2
# Counts the changes of the statement that chooses.
CHOICE_VERSION = 1
# How long, and how often, the indexes are waited for: ten minutes in all.
SETTLE_SECONDS = 5
SETTLE_TRIES = 120
# How many pull requests whose vectors are lost one slice embeds again at most.
LOST_SIZE = 50

# The signals, as lists are kept by them.
CODE, INTENT, WORDS, LINES = "code", "intent", "words", "lines"


class ClusterPhase:
    """Makes candidates of pull requests that are near to each other."""

    async def run(self, slice: Slice[ClusterCursor]) -> Outcome:
        """Wait for the indexes, then work on a slice of the stage that the cursor names."""
        if not await _settled(slice):
            return _wait(slice)
        match slice.cursor.part:
            case "words":
                return await _compare_words(slice)
            case "choose":
                return await _choose(slice)
            case _:
                return await _search(slice)


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


async def _search(slice: Slice[ClusterCursor]) -> Outcome:
    """Find what is near to some pull requests by their vectors."""
    after, done = slice.cursor.after_number, slice.cursor.done
    pulls = await slice.account_db.list_unsearched_prs(slice.repo_id, after, SLICE_SIZE)
    total = slice.cursor.total or await slice.account_db.count_unsearched_prs(slice.repo_id)
    lists, lost = await _nearest(slice, pulls)
    # Once each: a store that loses them again would be filled for ever.
    again = [pull for pull in lost if pull.number > slice.cursor.embedded_to][:LOST_SIZE]
    if again:
        progress = Progress(done=min(done, total), total=total, note="embedding again what the vector store has lost")
        here = ClusterCursor(after_number=after, done=done, total=total, embedded_to=again[-1].number)
        return await _embed_again(slice, again, here, progress)
    done += len(pulls)
    progress = Progress(done=min(done, total), total=total, note=None)
    rows = [writes.insert_neighbour_lists(slice.scan_id, lists)] if lists else []
    if len(pulls) < SLICE_SIZE:
        return Outcome(NextSlice(ClusterCursor(part="words")), rows, progress=progress)
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
    embedded = await embed_pulls(slice.providers, pulls, await slice.shared_lines())
    # What the provider refuses now has no vectors, whatever it did before.
    rows = [writes.update_pr_embed_hash(pull.id, None) for pull in embedded.refused]
    if not embedded.signals:
        return Outcome(
            NextSlice(here), rows, embedding_tokens=embedded.tokens, progress=progress, warnings=embedded.warnings
        )
    store = slice.services.vectors(slice.config.vector_store)
    if await has_other_size(store, size_of(embedded.signals)):
        await slice.account_db.clear_repo_embed_hashes(slice.repo_id)
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


async def _nearest(slice: Slice[ClusterCursor], pulls: Sequence[PRKey]) -> tuple[list[NeighbourListInput], list[PRKey]]:
    """What is nearest to each by both vectors; and those of which a vector is lost, by number."""
    store = slice.services.vectors(slice.config.vector_store)
    lost: set[int] = set()

    async def near(pull: PRKey, signal: str, collection: str, point_id: str) -> NeighbourListInput:
        matches = await store.search_by_id(collection, point_id, repo_id=slice.repo_id, limit=NEIGHBOURS)
        if matches is None:
            lost.add(pull.number)
        return _list(pull.id, signal, [(match.pr_id, match.score) for match in matches or ()])

    searches = []
    for pull in pulls:
        if pull.is_embedded:
            searches.append(partial(near, pull, INTENT, INTENT_COLLECTION, intent_point_id(slice.repo_id, pull.number)))
        if pull.is_embedded and pull.has_files:
            searches.append(partial(near, pull, CODE, CODE_COLLECTION, code_point_id(slice.repo_id, pull.number)))
    found = await gather_bounded(searches, slice.providers.at_once)
    return found, [pull for pull in pulls if pull.number in lost]


async def _compare_words(slice: Slice[ClusterCursor]) -> Outcome:
    """Find what is near to some pull requests by the words of their titles, and by the lines that they change."""
    titles = await slice.account_db.list_pr_titles(slice.repo_id, slice.scan_id)
    waiting = [one for one in titles if not one.is_searched]
    chosen = waiting[:WORDS_SIZE]
    lists: list[NeighbourListInput] = []
    if chosen:
        words = TokenIndex({one.id: [*title_words(one.title), *map(str, one.closes)] for one in titles})
        shared = documents_of(one.pr_ids for one in await slice.account_db.list_shared_lines(slice.repo_id))
        lines = TokenIndex(shared)
        for one in chosen:
            lists.append(_list(one.id, WORDS, words.nearest(one.id, NEIGHBOURS)))
            lists.append(_list(one.id, LINES, lines.nearest(one.id, NEIGHBOURS)))
    rows = [writes.insert_neighbour_lists(slice.scan_id, lists)] if lists else []
    is_all = len(chosen) == len(waiting)
    return Outcome(NextSlice(ClusterCursor(part="choose" if is_all else "words")), rows)


def _list(pr_id: int, signal: str, nearest: Sequence[tuple[int, float]]) -> NeighbourListInput:
    """A list as it is kept; of digits, as many as matter."""
    return NeighbourListInput(
        pr_id=pr_id,
        signal=signal,
        nearest=[Neighbour(id=id, score=round(score, SCORE_DIGITS)) for id, score in nearest if id != pr_id],
    )


async def _choose(slice: Slice[ClusterCursor]) -> Outcome:
    """Choose the pairs to be asked about."""
    scan = slice.config.scan
    a_pull = (scan.candidates_per_pr if scan else None) or CANDIDATES_PER_PR
    floors = (scan.code_similarity_threshold, scan.intent_similarity_threshold) if scan else (None, None)
    rule = json.dumps([CHOICE_VERSION, a_pull, *floors])
    most = a_pull * await slice.account_db.count_open_prs(slice.repo_id)
    return Outcome(
        NextPhase(VerifyCursor()),
        [writes.choose_candidate_pairs(slice.scan_id, slice.repo_id, most, *floors, rule)],
    )
