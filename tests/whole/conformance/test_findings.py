"""What a completed scan has found: its duplicates, and the review of single pull requests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.outside.diffs import ChangedFile
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.whole.conformance.client import Account
from tests.whole.conformance.conftest import Target, new_account


@dataclass(frozen=True)
class Scanned:
    """A completed scan of a repository that no other target knows."""

    account: Account
    repository: Repository
    scan: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/repos/{self.repository.full_name}"

    def review(self, number: int) -> dict[str, Any]:
        """The review of a pull request."""
        answer = self.account.get(f"{self.path}/review/{number}")
        assert answer.status_code == 200, answer.text
        review: dict[str, Any] = answer.json()
        return review


@pytest.fixture(scope="session")
def scanned(target: Target, outside: World) -> Iterator[Scanned]:
    """One for each target."""
    name = f"findings-{target.url.rpartition(':')[2]}"
    repository = outside.add_repository("acme", name, Plan(prs=24))
    with new_account(target, outside) as account:
        started = account.post(f"/repos/acme/{name}/scan").raise_for_status()
        yield Scanned(account, repository, account.ended_scan(started.json()["scanId"]))


def numbers(groups: list[dict[str, Any]]) -> list[list[int]]:
    return sorted(sorted(member["prNumber"] for member in group["members"]) for group in groups)


def test_a_scan_finds_the_planted_duplicates(scanned: Scanned) -> None:
    assert (scanned.scan["status"], scanned.scan["error"]) == ("done", None)
    report = scanned.account.get(f"{scanned.path}/dupes").json()
    assert numbers(report["groups"]) == scanned.repository.planted_groups
    assert scanned.scan["dupeGroupCount"] == report["groupCount"] == len(scanned.repository.planted_groups)
    assert scanned.scan["prCount"] == 24
    assert scanned.scan["inputTokens"] > 0
    assert scanned.scan["outputTokens"] > 0


def test_members_are_ranked_best_first(scanned: Scanned) -> None:
    for group in scanned.account.get(f"{scanned.path}/dupes").json()["groups"]:
        members = group["members"]
        assert [member["rank"] for member in members] == list(range(1, group["prCount"] + 1))
        assert [member["score"] for member in members] == sorted((one["score"] for one in members), reverse=True)
        assert all(set(member) == MEMBER for member in members)
        assert all(member["rationale"] for member in members)


MEMBER = {
    *("prId", "prNumber", "title", "author", "state", "rank", "score", "rationale"),
    *("relationship", "confidence", "reason", "isNew"),
}
SIMILAR = {"prId", "prNumber", "title", "author", "state", "codeScore", "intentScore"}


def test_a_review_shows_the_group_and_the_nearest(scanned: Scanned) -> None:
    group = scanned.repository.planted_groups[0]
    review = scanned.review(group[0])
    assert set(review) == {"repo", "scanId", "pr", "dupeGroups", "similarPrs"}
    assert (review["repo"], review["scanId"]) == (scanned.repository.full_name, scanned.scan["id"])
    assert set(review["pr"]) == {"id", "number", "title", "author", "state"}
    pull = scanned.repository.pulls[group[0]]
    assert (review["pr"]["number"], review["pr"]["title"], review["pr"]["state"]) == (group[0], pull.title, "open")
    assert numbers(review["dupeGroups"]) == [group]
    near = review["similarPrs"]
    assert 0 < len(near) <= 10
    assert all(set(one) == SIMILAR for one in near)
    assert group[0] not in [one["prNumber"] for one in near]
    assert near[0]["prNumber"] in group
    best = [max(one["codeScore"], one["intentScore"]) for one in near]
    assert best == sorted(best, reverse=True)


def test_a_review_of_one_in_no_group_has_no_groups(scanned: Scanned) -> None:
    alone = min(scanned.repository.open_numbers - set().union(*scanned.repository.groups))
    review = scanned.review(alone)
    assert (review["dupeGroups"], review["pr"]["number"]) == ([], alone)


def test_a_review_reads_what_is_not_stored(scanned: Scanned) -> None:
    original = scanned.repository.planted_groups[0][0]
    new = scanned.repository.open_duplicate(original)
    review = scanned.review(new.number)
    assert (review["pr"]["title"], review["dupeGroups"]) == (new.title, [])
    assert original in [one["prNumber"] for one in review["similarPrs"][:3]]
    again = scanned.review(new.number)
    assert again["pr"] == review["pr"]


def test_a_review_of_a_closed_one_says_so(scanned: Scanned) -> None:
    new = scanned.repository.open("Paint the nozzle", "As asked for", [ChangedFile("src/nozzle.py", "paint")])
    scanned.repository.merge(new.number)
    review = scanned.review(new.number)
    assert (review["pr"]["state"], review["dupeGroups"]) == ("merged", [])


def test_what_github_does_not_have_is_not_found(scanned: Scanned) -> None:
    answer = scanned.account.get(f"{scanned.path}/review/999999")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith(f"GitHub has no pull request 999999 in {scanned.repository.full_name}")


@pytest.mark.parametrize("number", [0, -1, 2**53, 10**30])
def test_a_number_that_no_pull_request_has_is_not_found(scanned: Scanned, number: int) -> None:
    assert scanned.account.get(f"{scanned.path}/review/{number}").status_code == 404


@pytest.mark.parametrize("number", ["abc", "1.5", "1e3", "%20", "--1"])
def test_a_number_that_is_none_is_refused(scanned: Scanned, number: str) -> None:
    answer = scanned.account.get(f"{scanned.path}/review/{number}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("prNumber must be a whole number")


def test_a_repository_that_is_not_tracked_has_no_reviews(account: Account, scanned: Scanned) -> None:
    answer = account.get(f"{scanned.path}/review/{scanned.repository.planted_groups[0][0]}")
    assert answer.status_code == 404
    assert answer.json() == {"error": f"{scanned.repository.full_name} is not tracked", "code": "REPO_NOT_TRACKED"}


def test_a_review_needs_no_scan(account: Account, scanned: Scanned) -> None:
    account.post("/repos", json={"owner": "acme", "name": scanned.repository.name}).raise_for_status()
    number = scanned.repository.planted_groups[0][0]
    review = account.get(f"{scanned.path}/review/{number}").json()
    assert (review["scanId"], review["dupeGroups"], review["similarPrs"]) == (None, [], [])
    assert review["pr"]["number"] == number


def test_a_review_says_when_github_refuses(register: Callable[[], Account], scanned: Scanned, outside: World) -> None:
    account = register()
    account.post("/repos", json={"owner": "acme", "name": scanned.repository.name}).raise_for_status()
    token = account.config["github"]["token"]
    path = f"{scanned.path}/review/{scanned.repository.planted_groups[0][0]}"
    outside.github.fail(token, scanned.path, status=503, times=1)
    answer = account.get(path)
    assert answer.status_code == 503
    assert answer.json() == {"error": "GitHub failed: Server Error (status 503)", "code": "SERVICE_UNAVAILABLE"}
    outside.github.revoke(token)
    answer = account.get(path)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("GitHub refuses the account's token")


def test_groups_say_what_is_known_of_their_members(scanned: Scanned) -> None:
    for group in scanned.account.get(f"{scanned.path}/dupes").json()["groups"]:
        assert set(group) == {"groupId", "label", "prCount", "members", "isNew", "mergedPrNumber"}
        for member in group["members"]:
            assert member["relationship"] in ("duplicate", "superseded")
            assert 0 < member["confidence"] <= 1
            assert member["reason"]


def verdicts(scanned: Scanned) -> list[dict[str, Any]]:
    answer = scanned.account.get(f"{scanned.path}/verdicts")
    assert (answer.status_code, answer.json()["repo"]) == (200, scanned.repository.full_name)
    found: list[dict[str, Any]] = answer.json()["verdicts"]
    return found


def test_a_person_says_what_is_no_duplicate_and_takes_it_back(scanned: Scanned) -> None:
    one, other, *_ = scanned.repository.planted_groups[0]
    body = {"prNumber": other, "otherPrNumbers": [one], "verdict": "not_duplicate", "reason": "another bug"}
    answer = scanned.account.put(f"{scanned.path}/verdicts", json=body)
    assert (answer.status_code, answer.json()["repo"]) == (200, scanned.repository.full_name)
    [verdict] = answer.json()["verdicts"]
    assert {verdict["prNumber"], verdict["otherPrNumber"]} == {one, other}
    assert (verdict["verdict"], verdict["reason"]) == ("not_duplicate", "another bug")
    assert verdicts(scanned) == [verdict]
    assert scanned.account.delete(f"{scanned.path}/verdicts/{one}/{other}").status_code == 204
    assert verdicts(scanned) == []
    again = scanned.account.delete(f"{scanned.path}/verdicts/{one}/{other}")
    assert (again.status_code, again.json()["code"]) == (404, "VERDICT_NOT_FOUND")


def test_a_person_says_which_one_to_keep(scanned: Scanned) -> None:
    one, other, *_ = scanned.repository.planted_groups[0]
    body = {"prNumber": other, "otherPrNumbers": [one], "verdict": "keep"}
    assert scanned.account.put(f"{scanned.path}/verdicts", json=body).status_code == 200
    [verdict] = verdicts(scanned)
    assert (verdict["prNumber"], verdict["otherPrNumber"], verdict["verdict"]) == (other, one, "keep")
    assert scanned.account.delete(f"{scanned.path}/verdicts/{other}/{one}").status_code == 204


def test_nothing_is_said_of_what_is_not_stored(scanned: Scanned) -> None:
    [number, *_] = scanned.repository.planted_groups[0]
    body = {"prNumber": number, "otherPrNumbers": [999_999], "verdict": "duplicate"}
    answer = scanned.account.put(f"{scanned.path}/verdicts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "PR_NOT_STORED")
    assert "999999" in answer.json()["error"]
    assert verdicts(scanned) == []


def test_nobody_sees_or_changes_what_another_account_says(scanned: Scanned, target: Target, outside: World) -> None:
    one, other, *_ = scanned.repository.planted_groups[0]
    body = {"prNumber": one, "otherPrNumbers": [other], "verdict": "duplicate"}
    assert scanned.account.put(f"{scanned.path}/verdicts", json=body).status_code == 200
    with new_account(target, outside) as stranger:
        assert stranger.get(f"{scanned.path}/verdicts").json()["code"] == "REPO_NOT_TRACKED"
        assert stranger.put(f"{scanned.path}/verdicts", json=body).json()["code"] == "REPO_NOT_TRACKED"
        assert stranger.delete(f"{scanned.path}/verdicts/{one}/{other}").json()["code"] == "REPO_NOT_TRACKED"
    assert len(verdicts(scanned)) == 1
    assert scanned.account.delete(f"{scanned.path}/verdicts/{one}/{other}").status_code == 204


def test_what_a_person_says_counts_in_the_next_scan_and_the_others_keep_their_ids(scanned: Scanned) -> None:
    before = {group["groupId"]: group for group in scanned.account.get(f"{scanned.path}/dupes").json()["groups"]}
    # The last test: what it says stays said.
    group = next(
        group for group in before.values() if group["prCount"] == min(one["prCount"] for one in before.values())
    )
    one, *others = [member["prNumber"] for member in group["members"]]
    body = {"prNumber": one, "otherPrNumbers": others, "verdict": "not_duplicate"}
    assert scanned.account.put(f"{scanned.path}/verdicts", json=body).status_code == 200
    started = scanned.account.post(f"{scanned.path}/scan").raise_for_status()
    scan = scanned.account.ended_scan(started.json()["scanId"])
    assert (scan["status"], scan["error"]) == ("done", None)
    after = {group["groupId"]: group for group in scanned.account.get(f"{scanned.path}/dupes").json()["groups"]}
    found = [[member["prNumber"] for member in group["members"]] for group in after.values()]
    assert not any(one in members and set(others) & set(members) for members in found)
    assert set(before) - {group["groupId"]} <= set(after)
    assert not any(after[id]["isNew"] for id in set(before) & set(after))
