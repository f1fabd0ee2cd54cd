"""Phase `verify`: asks the chat model which pull requests are duplicates, and joins them into groups.

1. describe: hashes of what questions show of each pull request are brought up to date;
2. plan: pairs of candidates on which no verdict stands are covered by questions about one and a few others;
3. pairs: these are asked, and the verdicts kept;
4. link: all verdicts, old and new, make groups;
5. groups: each group is looked at once more as a whole, unless that has been answered before;
6. join: both rounds together make the groups that are ranked.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from ossgard.model import JsonObject
from ossgard.pipeline.answers import ConfirmedGroup, Judged, PairsAnswer, VerifyAnswer, judged
from ossgard.pipeline.batch.chat import batch_groups
from ossgard.pipeline.cover import cover
from ossgard.pipeline.groups import (
    Answers,
    GroupAnswer,
    Pulls,
    Question,
    ask_groups,
    cleaned,
    kept,
    members_of,
    model_key,
)
from ossgard.pipeline.lineage import GroupOrigin, origins, remainders
from ossgard.pipeline.linkage import average_linkage
from ossgard.pipeline.outcome import Fail, NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.prompts import PAIRS_VERSION, pairs_prompt, shown_hash, verify_prompt
from ossgard.pipeline.votes import opinion, read_votes
from ossgard.pipeline.warnings import warning
from ossgard.providers.chat import ChatLimits, UnusableAnswer
from ossgard.spec import writes
from ossgard.spec.cursors import RankCursor, VerifyCursor
from ossgard.spec.entities import (
    PR,
    CandidateGroup,
    CandidateInput,
    GroupNotes,
    Progress,
    Relationship,
    ScanWarning,
    ShownHash,
    VerdictInput,
    WarningCode,
)
from ossgard.spec.phases import PHASES
from ossgard.times import to_text
from ossgard.write import Write

SLICE_SIZE = PHASES["verify"].slice_size
# How many pull requests one slice describes, in how large pieces.
PAGES = 10
PAGE_SIZE = 100
GROUPS_PAGE = 2000

PAIRS = "pairs"
GROUPS = "groups"
VERIFIED = "verified"


def _subject_and_candidates(group: CandidateGroup, pulls: Pulls) -> list[PR]:
    """Whom a question about pairs is about; nobody when the first is not open any more."""
    return members_of(group, pulls) if group.pr_ids[0] in pulls else []


ABOUT_PAIRS = Question(PAIRS, PAIRS, pairs_prompt, PairsAnswer, _subject_and_candidates)
ABOUT_GROUPS = Question(GROUPS, GROUPS, verify_prompt, VerifyAnswer, is_lasting=True)


class VerifyPhase:
    """Finds the duplicates among candidates; what had no usable answer is asked again by the next scan."""

    async def run(self, slice: Slice[VerifyCursor]) -> Outcome:
        """Take the next step."""
        match slice.cursor.part:
            case "plan":
                return await _plan(slice)
            case "pairs":
                return await _ask_pairs(slice)
            case "link":
                return await _link(slice)
            case "groups":
                return await _ask_groups(slice)
            case "join":
                return await _join(slice)
            case _:
                return await _describe(slice)


async def _describe(slice: Slice[VerifyCursor]) -> Outcome:
    """Bring the hashes of some pull requests up to date."""
    limits = _limits(slice)
    after, hashes = slice.cursor.after_number, []
    for _ in range(PAGES):
        pulls = await slice.account_db.list_open_prs_after(slice.repo_id, after, PAGE_SIZE)
        hashes += [ShownHash(id=one.id, shown_hash=shown_hash(one, limits)) for one in await cleaned(slice, pulls)]
        if len(pulls) < PAGE_SIZE:
            break
        after = pulls[-1].number
    rows = [writes.update_shown_hashes(hashes)] if hashes else []
    is_all = len(hashes) < PAGES * PAGE_SIZE
    next = NextSlice(VerifyCursor(part="plan") if is_all else VerifyCursor(after_number=after))
    return Outcome(next, rows)


async def _plan(slice: Slice[VerifyCursor]) -> Outcome:
    """Write down which questions there are about pairs."""
    found = await slice.db.list_unjudged_pairs(slice.scan_id, model_key(slice), PAIRS_VERSION)
    questions = cover((one.pr_id, other) for one in found for other in one.others)
    if not questions:
        return Outcome(NextSlice(VerifyCursor(part="link")))
    progress = Progress(done=0, total=len(questions), note=None)
    rows = [writes.insert_candidate_groups(slice.scan_id, PAIRS, _in_order(questions))]
    return Outcome(NextSlice(VerifyCursor(part=PAIRS, total=len(questions))), rows, progress=progress)


async def _ask_pairs(slice: Slice[VerifyCursor]) -> Outcome:
    """Ask some questions about pairs, after all of them have been asked in batches if the account wants that."""
    step = await batch_groups(slice, ABOUT_PAIRS, slice.cursor.total)
    if isinstance(step, Outcome):
        return step
    groups = await _next_groups(slice, PAIRS)
    answers = await ask_groups(slice, ABOUT_PAIRS, groups)
    limits, found, rows = _limits(slice), [], []
    failed, missing = [], []
    single: list[Sequence[int]] = []
    for one in answers.asked:
        verdicts, error = _judged(one)
        if error is not None and len(one.pulls) > 2 and answers.problem is None:
            # It may be one text that spoils it: all are asked about alone, behind the other questions.
            single += [(one.pulls[0].id, pull.id) for pull in one.pulls[1:]]
            continue
        found += [
            _verdict(one.pulls[0], pull, verdicts[pull.number], limits)
            for pull in one.pulls[1:]
            if pull.number in verdicts
        ]
        if error is not None:
            rows.append(writes.record_group_error(slice.scan_id, PAIRS, one.group.position, error))
            failed.append((one, error))
        elif one.answer is not None:
            missing += [pull.number for pull in one.pulls[1:] if pull.number not in verdicts]
    if found:
        now = to_text(slice.services.clock.now())
        rows.append(writes.store_verdicts(model_key(slice), PAIRS_VERSION, now, found))
    if single:
        rows.append(writes.insert_candidate_groups(slice.scan_id, PAIRS, _in_order(single, slice.cursor.total + 1)))
    warnings = _failed(failed)
    if missing:
        warnings.append(warning(WarningCode.NOT_ASKED_ABOUT, missing))
    return _asked(slice, groups, answers, rows, warnings, "link", more=len(single))


def _judged(asked: GroupAnswer[PairsAnswer]) -> tuple[dict[int, Judged], str | None]:
    """The verdicts of an answer, or why there are none."""
    if asked.answer is None:
        return {}, asked.error
    try:
        return judged(asked.answer, {pull.number for pull in asked.pulls[1:]}), None
    except UnusableAnswer as error:
        return {}, str(error)


def _verdict(subject: PR, candidate: PR, found: Judged, limits: ChatLimits) -> VerdictInput:
    one, other = sorted((subject, candidate), key=lambda pull: pull.id)
    return VerdictInput(
        pr_id=one.id,
        other_id=other.id,
        verdict=found.verdict,
        confidence=found.confidence,
        reason=found.reason,
        pr_hash=shown_hash(one, limits),
        other_hash=shown_hash(other, limits),
    )


async def _link(slice: Slice[VerifyCursor]) -> Outcome:
    """Make groups of all votes, and write down which of them are to be looked at as a whole."""
    parts = (await read_votes(slice)).parts()
    works = slice.cursor.works
    if not parts:
        return Outcome(NextSlice(VerifyCursor(part="join", works=works)))
    progress = Progress(done=0, total=len(parts), note="looking at whole groups")
    rows = [writes.insert_candidate_groups(slice.scan_id, GROUPS, _in_order(parts))]
    return Outcome(NextSlice(VerifyCursor(part=GROUPS, total=len(parts), works=works)), rows, progress=progress)


async def _ask_groups(slice: Slice[VerifyCursor]) -> Outcome:
    """Ask about some groups as a whole, after all of them have been in batches if the account wants that."""
    step = await batch_groups(slice, ABOUT_GROUPS, slice.cursor.total)
    if isinstance(step, Outcome):
        return step
    groups = await _next_groups(slice, GROUPS)
    answers = await ask_groups(slice, ABOUT_GROUPS, groups)
    notes = [
        GroupNotes(position=one.group.position, notes=one.answer.model_dump(mode="json", by_alias=True))
        for one in answers.asked
        if one.answer is not None
    ]
    failed = [(one, one.error) for one in answers.asked if one.error is not None]
    rows: list[Write] = [
        writes.record_group_error(slice.scan_id, GROUPS, one.group.position, error) for one, error in failed
    ]
    if notes:
        rows.append(writes.record_group_notes(slice.scan_id, GROUPS, notes))
    rows += kept(slice, answers.asked)
    return _asked(slice, groups, answers, rows, _failed(failed), "join", "looking at whole groups")


async def _join(slice: Slice[VerifyCursor]) -> Outcome:
    """Make the groups that are ranked, and tell which groups of the scan before they go on from."""
    votes = await read_votes(slice)
    opinions = [said for group in await _all_groups(slice) if (said := opinion(group)) is not None]
    groups = average_linkage(votes.all(opinions), votes.bonds)
    previous = await slice.db.list_former_groups(slice.repo_id)
    found = origins(previous, groups)
    parts = {id: part for one in opinions for part in one.groups for id in part.pr_ids}
    candidates = [_verified(group, origin, parts) for group, origin in zip(groups, found, strict=True)]
    persons = await slice.account_db.list_verdicts(slice.owner, slice.name) if previous else []
    apart = {(one.pr_number, one.other_number) for one in persons if one.verdict is Relationship.NONE}
    candidates += [
        CandidateInput(position=0, pr_ids=list(left.pr_ids), label=left.label, notes=_notes(left.origin))
        for left in remainders(previous, groups, found, apart)
    ]
    placed = [one.model_copy(update={"position": place}) for place, one in enumerate(candidates, 1)]
    rows = [writes.insert_candidate_groups(slice.scan_id, VERIFIED, placed)] if placed else []
    return Outcome(NextPhase(RankCursor(total=len(placed), works=slice.cursor.works)), rows)


def _verified(group: Sequence[int], origin: GroupOrigin, parts: Mapping[int, ConfirmedGroup]) -> CandidateInput:
    """A group with what was said of it as a whole: of the part that most of its members are in."""
    label = None
    found = Counter(parts[id].pr_ids[0] for id in group if id in parts)
    if found:
        part = parts[max(found, key=lambda first: (found[first], -first))]
        label = part.label
        origin = origin.model_copy(update={"confidence": part.confidence, "relationship": part.relationship})
    return CandidateInput(position=0, pr_ids=list(group), label=label, notes=_notes(origin))


def _notes(origin: GroupOrigin) -> JsonObject:
    return origin.model_dump(mode="json", by_alias=True, exclude_defaults=True)


async def _all_groups(slice: Slice[VerifyCursor]) -> list[CandidateGroup]:
    groups: list[CandidateGroup] = []
    while True:
        after = groups[-1].position if groups else 0
        page = await slice.db.list_candidate_groups(slice.scan_id, GROUPS, after, GROUPS_PAGE)
        groups += page
        if len(page) < GROUPS_PAGE:
            return groups


async def _next_groups(slice: Slice[VerifyCursor], kind: str) -> list[CandidateGroup]:
    return await slice.db.list_candidate_groups(slice.scan_id, kind, slice.cursor.position, SLICE_SIZE)


def _asked(
    slice: Slice[VerifyCursor],
    groups: Sequence[CandidateGroup],
    answers: Answers[PairsAnswer] | Answers[VerifyAnswer],
    rows: Sequence[Write],
    warnings: Sequence[ScanWarning],
    after: str,
    note: str | None = None,
    more: int = 0,
) -> Outcome:
    """What follows when some groups have been asked about; `after` is the part that follows the last ones.

    Args:
        more: how many further questions these have led to.
    """
    progress = None
    if answers.problem is not None:
        next: Fail | NextSlice = Fail(answers.problem)
    elif len(groups) < SLICE_SIZE and not more:
        next = NextSlice(VerifyCursor(part=after, works=answers.works))
    else:
        last, total = groups[-1].position, slice.cursor.total + more
        progress = Progress(done=min(last, total), total=total, note=note)
        next = NextSlice(replace(slice.cursor, position=last, total=total, works=answers.works))
    return Outcome(
        next,
        rows,
        input_tokens=answers.input_tokens,
        output_tokens=answers.output_tokens,
        progress=progress,
        warnings=warnings,
    )


def _failed(failed: Sequence[tuple[GroupAnswer[PairsAnswer] | GroupAnswer[VerifyAnswer], str]]) -> list[ScanWarning]:
    if not failed:
        return []
    numbers = chain.from_iterable((pull.number for pull in one.pulls) for one, _ in failed)
    return [warning(WarningCode.NOT_VERIFIED, numbers, failed[-1][1], len(failed))]


def _in_order(groups: Sequence[Sequence[int]], first: int = 1) -> list[CandidateInput]:
    return [
        CandidateInput(position=place, pr_ids=list(ids), label=None, notes=None)
        for place, ids in enumerate(groups, first)
    ]


def _limits(slice: Slice[VerifyCursor]) -> ChatLimits:
    return slice.providers.chat_model().limits
