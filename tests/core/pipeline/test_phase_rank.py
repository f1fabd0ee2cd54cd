"""Phase `rank`: which groups are stored, in which order their members are, and how the scan ends."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ossgard.spec.entities import Relationship
from tests.core.scanning import Scanning
from tests.outside.llm import Behaviour
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

OpenPulls = Callable[[int], list[int]]
Ranked = Callable[[Sequence[Sequence[int]]], list[list[int]]]


@pytest.fixture
def ranked(scanning: Scanning) -> Ranked:
    """Ranks groups (numbers of pull requests, which are their ids here) to the end of the scan; the stored groups."""

    def rank(groups: Sequence[Sequence[int]]) -> list[list[int]]:
        scanning.begin()
        scanning.run_until("cluster")
        scanning.propose("verified", groups)
        scanning.jump("rank", {})
        scanning.drain()
        return scanning.groups()

    return rank


def members(scanning: Scanning) -> list[tuple[Any, ...]]:
    return scanning.rows("SELECT pr_id, rank, score, rationale FROM dupe_group_members ORDER BY group_id, rank")


def test_members_are_stored_best_first(ranked: Ranked, scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(4)
    [group] = ranked([[1, 2, 3]])
    assert sorted(group) == [1, 2, 3]
    rows = members(scanning)
    assert [rank for _, rank, _, _ in rows] == [1, 2, 3]
    assert [score for _, _, score, _ in rows] == sorted((score for _, _, score, _ in rows), reverse=True)
    assert all(rationale.startswith("Lacks tests") for _, _, _, rationale in rows)


def test_the_scan_is_done(ranked: Ranked, scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(14)
    groups = ranked([[number, number + 7] for number in range(1, 8)])
    assert sorted(map(sorted, groups)) == [[number, number + 7] for number in range(1, 8)]
    scan = scanning.scan()
    assert (scan["status"], scan["error"], scan["progress"]) == ("done", None, None)
    assert (scan["pr_count"], scan["dupe_group_count"]) == (14, 7)
    assert scan["completed_at"] == "2026-11-23T10:00:00.000Z"
    assert scanning.rows("SELECT last_scan_at FROM repos") == [("2026-11-23T10:00:00.000Z",)]
    assert scanning.rows("SELECT count(*) FROM candidate_groups") == [(0,)]
    assert scanning.rows("SELECT count(*) FROM listed_prs") == [(0,)]


def test_groups_of_an_earlier_attempt_are_replaced(ranked: Ranked, scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(4)
    scanning.begin()
    scanning.run_until("cluster")
    scanning.executor.connection.executescript("""
        INSERT INTO dupe_groups (scan_id, repo_id, label, pr_count) VALUES (1, 1, 'of an earlier attempt', 2);
        INSERT INTO dupe_group_members (group_id, pr_id, rank, score) VALUES (1, 1, 1, 9), (1, 2, 2, 8);
        """)
    scanning.propose("verified", [[1, 2], [3, 4]])
    scanning.jump("rank", {})
    scanning.drain()
    assert sorted(map(sorted, scanning.groups())) == [[1, 2], [3, 4]]
    assert scanning.scan()["dupe_group_count"] == 2
    assert len(members(scanning)) == 4


def test_groups_of_other_scans_stay(ranked: Ranked, scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(2)
    ranked([[1, 2]])
    scanning.begin()
    scanning.run_until("cluster")
    scanning.jump("rank", {})
    scanning.drain()
    assert scanning.rows("SELECT scan_id, pr_count FROM dupe_groups") == [(1, 2)]
    assert scanning.scan()["dupe_group_count"] == 0


def test_every_message_delivered_twice_stores_no_group_twice(scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(14)
    scanning.begin()
    scanning.run_until("cluster")
    scanning.propose("verified", [[number, number + 7] for number in range(1, 8)])
    scanning.jump("rank", {})
    while scanning.queue.jobs:
        again = scanning.queue.jobs[0]
        scanning.deliver()
        scanning.queue.jobs.insert(0, again)
        scanning.deliver()
    assert (scanning.scan()["status"], len(scanning.groups())) == ("done", 7)


@pytest.mark.parametrize(
    "behaviour", [Behaviour(unusable_for={2}), Behaviour(refuses=frozenset({"topic1"}))], ids=["nonsense", "refused"]
)
def test_a_group_without_a_usable_answer_is_shown_unranked(
    ranked: Ranked, scanning: Scanning, outside: Outside, open_pulls: OpenPulls, behaviour: Behaviour
) -> None:
    open_pulls(5)
    outside.llm.behaviour = behaviour
    groups = ranked([[1, 2, 3], [4, 5]])
    assert (groups[0], sorted(groups[1])) == ([1, 2, 3], [4, 5])
    assert (scanning.scan()["status"], scanning.scan()["dupe_group_count"]) == ("done", 2)
    assert scanning.warnings() == [("NOT_RANKED", 1, [1, 2, 3])]
    for pr_id, rank, score, rationale in members(scanning)[:3]:
        assert (pr_id, score) == (rank, 0)
        assert "in the order of their numbers" in rationale
    assert scanning.rows("SELECT count(*) FROM candidate_groups") == [(0,)]


def test_an_answer_about_others_leaves_a_group_unranked(
    ranked: Ranked, scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    answer = {"choices": [{"message": {"content": '{"rankings": []}'}}], "usage": {}}
    outside.fail("openai.chat", 200, body=answer)
    assert ranked([[1, 2]]) == [[1, 2]]
    assert scanning.warnings() == [("NOT_RANKED", 1, [1, 2])]
    assert "ranked none" in scanning.scan()["warnings"]


def test_a_model_that_ranks_nothing_fails_the_scan(
    ranked: Ranked, scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    outside.llm.behaviour = Behaviour(silent=True)
    ranked([[1, 2]])
    scan = scanning.scan()
    assert (scan["status"], scan["completed_at"] is not None, scan["progress"]) == ("failed", True, None)
    assert "has not given a usable answer" in scan["error"]
    assert scanning.rows("SELECT last_scan_at FROM repos") == [(None,)]
    assert scanning.rows("SELECT count(*) FROM candidate_groups") == [(0,)]
    assert scanning.rows("SELECT phase FROM scan_steps ORDER BY step DESC LIMIT 1") == [(None,)]


def test_invented_numbers_are_dropped(
    ranked: Ranked, scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    outside.llm.behaviour = Behaviour(invented_ids=1)
    [group] = ranked([[1, 2]])
    assert sorted(group) == [1, 2]
    assert [rank for _, rank, _, _ in members(scanning)] == [1, 2]


def test_who_is_closed_or_gone_takes_no_part(ranked: Ranked, scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(6)
    scanning.begin()
    scanning.run_until("cluster")
    scanning.propose("verified", [[1, 2, 3], [4, 5], [6, 99]])
    scanning.executor.connection.execute("UPDATE prs SET state = 'merged' WHERE number IN (3, 4)")
    scanning.jump("rank", {})
    scanning.drain()
    assert [sorted(group) for group in scanning.groups()] == [[1, 2]]
    assert scanning.rows("SELECT pr_count FROM dupe_groups") == [(2,)]


def test_a_rate_limit_has_the_slice_done_again(
    ranked: Ranked, scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(4)
    outside.fail("openai.chat", 429, retry_after=3, times=1)
    assert sorted(map(sorted, ranked([[1, 2], [3, 4]]))) == [[1, 2], [3, 4]]
    assert scanning.scan()["dupe_group_count"] == 2


def test_a_refused_key_fails_the_scan_and_says_what_to_do(
    ranked: Ranked, scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    outside.fail("openai.chat", 401)
    ranked([[1, 2]])
    assert scanning.scan()["status"] == "failed"
    assert "account's configuration" in scanning.scan()["error"]


# ---- from scan to scan


def scanned(scanning: Scanning, *groups: Sequence[int]) -> list[tuple[Any, ...]]:
    """Scan to the end, with groups whose members are sure to be the same.

    Of each group its number, the one that was merged, whether it is new, its members, and who of them is new.
    """
    scanning.begin()
    scanning.run_until("cluster")
    scanning.pair([(group[0], other) for group in groups for other in group[1:]], certain=True)
    scanning.jump("verify", {})
    scanning.drain()
    rows = scanning.rows("""
        SELECT ifnull(lasting_number, group_id), merged_number, lasting_number IS NULL, number, is_new
        FROM dupe_group_members JOIN dupe_groups ON dupe_groups.id = group_id JOIN prs ON prs.id = pr_id
        WHERE scan_id = (SELECT max(id) FROM scans) ORDER BY group_id, number
        """)
    found: dict[tuple[Any, ...], tuple[list[int], list[int]]] = {}
    for *group, number, is_new in rows:
        members, new = found.setdefault(tuple(group), ([], []))
        members.append(number)
        new += [number] if is_new else []
    return [(*group, members, new) for group, (members, new) in found.items()]


def test_a_group_keeps_its_number_while_most_members_stay(scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(9)
    assert scanned(scanning, [1, 2, 3], [4, 5]) == [
        (1, None, True, [1, 2, 3], [1, 2, 3]),
        (2, None, True, [4, 5], [4, 5]),
    ]
    assert scanned(scanning, [1, 2, 6], [4, 5, 7, 8]) == [
        (1, None, False, [1, 2, 6], [6]),
        (2, None, False, [4, 5, 7, 8], [7, 8]),
    ]
    assert scanned(scanning, [1, 6, 4], [5, 7, 8]) == [
        (1, None, False, [1, 4, 6], [4]),
        (2, None, False, [5, 7, 8], []),
    ]
    assert scanned(scanning, [1, 9], [6, 5]) == [
        (7, None, True, [1, 9], [1, 9]),
        (8, None, True, [5, 6], [5, 6]),
    ]


def test_two_groups_that_become_one_have_the_number_of_the_larger(scanning: Scanning, open_pulls: OpenPulls) -> None:
    open_pulls(5)
    scanned(scanning, [1, 2], [3, 4, 5])
    assert scanned(scanning, [1, 2, 3, 4, 5]) == [(2, None, False, [1, 2, 3, 4, 5], [1, 2])]


def test_who_is_closed_leaves_and_a_best_one_that_is_merged_is_told(
    scanning: Scanning, repository: Repository, open_pulls: OpenPulls
) -> None:
    open_pulls(4)
    scanned(scanning, [1, 2, 3, 4])
    best, second, third, last = scanning.groups()[0]
    repository.close(last)
    repository.merge(best)
    assert scanned(scanning, [second, third]) == [(1, best, False, sorted([second, third]), [])]
    repository.close(third)
    assert scanned(scanning) == [(1, best, False, [second], [])], "what is left is still to be closed"
    assert scanning.rows("SELECT rationale FROM dupe_group_members ORDER BY id DESC LIMIT 1") == [
        (f"The best pull request of this group, #{best}, has been merged.",)
    ]
    repository.close(second)
    assert scanned(scanning) == []


def test_what_is_left_of_a_merged_one_goes_when_a_person_says_that_it_is_none(
    scanning: Scanning, repository: Repository, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    scanned(scanning, [1, 2])
    best, other = scanning.groups()[0]
    repository.merge(best)
    asyncio.run(scanning.db.put_verdicts(1, 1, other, [best], Relationship.NONE, False, None, "now"))
    assert scanned(scanning) == []


def test_a_ranking_is_used_again_while_nothing_changes(
    scanning: Scanning, outside: Outside, repository: Repository, open_pulls: OpenPulls
) -> None:
    open_pulls(4)
    scanned(scanning, [1, 2], [3, 4])
    before = members(scanning)
    outside.reset()
    scanned(scanning, [1, 2], [3, 4])
    assert outside.requests("openai.chat") == []
    assert [row[:4] for row in members(scanning)[len(before) :]] == before
    repository.update(4, body="Since it is better")
    scanned(scanning, [1, 2], [3, 4])
    assert len(outside.requests("openai.chat")) == 1


def test_a_ranking_of_no_use_is_not_used_again(scanning: Scanning, outside: Outside, open_pulls: OpenPulls) -> None:
    open_pulls(2)
    answer = {"choices": [{"message": {"content": '{"rankings": []}'}}], "usage": {}}
    outside.fail("openai.chat", 200, body=answer, times=1)
    scanned(scanning, [1, 2])
    assert scanning.warnings() == [("NOT_RANKED", 1, [1, 2])]
    scanned(scanning, [1, 2])
    assert scanning.warnings() == []


# ---- what is told of a member


def told(scanning: Scanning) -> list[tuple[Any, ...]]:
    return scanning.rows("""
        SELECT number, relationship, confidence, reason FROM dupe_group_members JOIN prs ON prs.id = pr_id
        WHERE group_id = (SELECT max(group_id) FROM dupe_group_members) ORDER BY number
        """)


def test_the_one_that_a_person_wants_to_keep_is_first_and_who_says_so_is_told(
    scanning: Scanning, open_pulls: OpenPulls
) -> None:
    open_pulls(3)
    scanned(scanning, [1, 2, 3])
    last = scanning.groups()[0][-1]
    others = [number for number in (1, 2, 3) if number != last]
    asyncio.run(scanning.db.put_verdicts(1, 1, last, others, Relationship.DUPLICATE, True, "It has tests", "now"))
    scanned(scanning, [1, 2, 3])
    assert scanning.groups()[-1][0] == last
    assert {row[1:] for row in told(scanning)} == {("duplicate", 1.0, "It has tests")}


def test_a_draft_is_not_the_one_to_merge_while_another_is_ready(
    scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(3)
    scanned(scanning, [1, 2, 3])
    best = scanning.groups()[0][0]
    scanning.begin()
    scanning.run_until("cluster")
    scanning.executor.connection.execute("UPDATE prs SET is_draft = 1 WHERE number = ?", (best,))
    scanning.pair([(1, 2), (2, 3)], certain=True)
    scanning.jump("verify", {})
    scanning.drain()
    assert scanning.groups()[-1][-1] == best


def test_the_models_reason_is_told(scanning: Scanning, repository: Repository, open_pulls: OpenPulls) -> None:
    open_pulls(2)
    repository.open_duplicate(1)
    scanning.begin()
    scanning.run_until("cluster")
    scanning.executor.connection.execute("UPDATE prs SET diff_hash = number")
    scanning.pair([(1, 3)])
    scanning.jump("verify", {})
    scanning.drain()
    assert {(relationship, reason) for _, relationship, _, reason in told(scanning)} == {
        ("duplicate", "They make the same change.")
    }
    assert all(0.5 < confidence <= 1 for _, _, confidence, _ in told(scanning))


def test_equal_changes_are_told(scanning: Scanning, repository: Repository, open_pulls: OpenPulls) -> None:
    open_pulls(1)
    repository.open_duplicate(1)
    scanned(scanning, [1, 2])
    assert [row[3] for row in told(scanning)] == [
        "Its changes are equal to those of #2.",
        "Its changes are equal to those of #1.",
    ]
