"""The review of a pull request: what only shows from behind the HTTP interface."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from ossgard.auth import hash_api_key
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION
from tests.core.http.test_app import KEY, request
from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

OpenPulls = Callable[[int], list[int]]


@pytest.fixture
def review(scanning: Scanning, repository: Repository) -> Callable[[int], httpx.Response]:
    """Asks for the review of a pull request of the test's own repository."""
    scanning.executor.connection.execute("UPDATE accounts SET api_key_hash = ?", (hash_api_key(KEY),))
    return lambda number: request(scanning, "GET", f"/repos/{repository.full_name}/review/{number}")


Review = Callable[[int], httpx.Response]


def test_what_is_stored_asks_nobody_outside(
    scanning: Scanning, review: Review, open_pulls: OpenPulls, outside: Outside
) -> None:
    number, _ = open_pulls(2)
    scanning.scan_all()
    outside.reset()
    assert review(number).status_code == 200
    assert outside.requests() == []


def test_one_that_is_stored_and_not_embedded_is_embedded(
    scanning: Scanning, review: Review, open_pulls: OpenPulls, outside: Outside
) -> None:
    number, _ = open_pulls(2)
    scanning.scan_all()
    scanning.executor.connection.execute("UPDATE prs SET embed_hash = NULL WHERE number = ?", (number,))
    outside.reset()
    assert review(number).status_code == 200
    assert outside.count("openai.embeddings").inputs == 2
    assert None not in scanning.pulls("embed_hash")


@pytest.mark.parametrize("lost", [CODE_COLLECTION, INTENT_COLLECTION, "both"])
def test_one_whose_vectors_are_lost_is_embedded_again(
    scanning: Scanning, review: Review, open_pulls: OpenPulls, repository: Repository, outside: Outside, lost: str
) -> None:
    number, _ = open_pulls(2)
    repository.open_duplicate(number)
    scanning.scan_all()
    expected = review(number).json()
    stored = scanning.vectors.ids(CODE_COLLECTION), scanning.vectors.ids(INTENT_COLLECTION)
    if lost == "both":
        asyncio.run(scanning.vectors.delete(CODE_COLLECTION, [f"1-{number}-code"]))
        asyncio.run(scanning.vectors.delete(INTENT_COLLECTION, [f"1-{number}-intent"]))
    else:
        asyncio.run(scanning.vectors.delete(lost, [f"1-{number}-{lost.removeprefix('ossgard-')}"]))
    outside.reset()
    assert review(number).json()["similarPrs"] == [
        {**one, "codeScore": pytest.approx(one["codeScore"]), "intentScore": pytest.approx(one["intentScore"])}
        for one in expected["similarPrs"]
    ]
    assert (scanning.vectors.ids(CODE_COLLECTION), scanning.vectors.ids(INTENT_COLLECTION)) == stored
    assert outside.count("openai.embeddings").inputs == 2
    # Once: then it is there.
    outside.reset()
    assert review(number).status_code == 200
    assert outside.requests() == []


def test_one_without_files_is_not_embedded_again(
    scanning: Scanning, review: Review, repository: Repository, outside: Outside
) -> None:
    number = repository.open("No files", "at all").number
    scanning.scan_all()
    outside.reset()
    assert review(number).status_code == 200
    assert outside.requests() == []


def test_reports_show_the_names_as_github_spells_them(
    scanning: Scanning, review: Review, open_pulls: OpenPulls, repository: Repository
) -> None:
    number, _ = open_pulls(2)
    scanning.scan_all()
    assert review(number).status_code == 200
    for report in (f"review/{number}", "dupes"):
        path = f"/repos/{repository.owner.upper()}/{repository.name.title()}/{report}"
        assert request(scanning, "GET", path).json()["repo"] == repository.full_name


def test_a_repository_that_has_got_the_name_is_not_taken_for_the_old_one(
    scanning: Scanning, review: Review, open_pulls: OpenPulls, repository: Repository, outside: Outside
) -> None:
    open_pulls(1)
    scanning.scan_all()
    other = outside.add_repository(repository.owner, repository.name, Plan(prs=0, closed_share=0, odd=False))
    other.open("One", "thing")
    number = other.open("Another", "thing").number
    answer = review(number)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{repository.full_name} is another repository on GitHub now")
    assert len(scanning.pulls()) == 1


def test_what_is_reviewed_is_not_read_by_the_next_scan(
    scanning: Scanning, review: Review, repository: Repository, outside: Outside
) -> None:
    number = repository.open("New", "Something", [ChangedFile("new.py", "new")]).number
    scanning.executor.connection.execute(
        "INSERT INTO repos (account_id, owner, name) VALUES (1, ?, ?)", (repository.owner, repository.name)
    )
    assert review(number).status_code == 200
    outside.reset()
    assert scanning.scan_all()["status"] == "done"
    assert outside.requests("github.files,github.diff,openai.*") == []


def test_a_closed_one_is_stored_without_vectors(scanning: Scanning, review: Review, repository: Repository) -> None:
    scanning.scan_all()
    number = repository.open("Old", "Something", [ChangedFile("old.py", "old")]).number
    repository.close(number)
    assert review(number).json()["pr"]["state"] == "closed"
    assert scanning.pulls("state, embed_hash") == [("closed", None)]
    assert scanning.vectors.ids(CODE_COLLECTION) | scanning.vectors.ids(INTENT_COLLECTION) == set()


def test_the_nearest_by_either_signal_come_first_and_ten_at_most(
    scanning: Scanning, review: Review, repository: Repository
) -> None:
    files = [ChangedFile("same.py", "same")]
    for place in range(13):
        repository.open(f"Title {place}", f"About {place} and only {place * place}", files)
    same_text = repository.open("Title 0", "About 0 and only 0", [ChangedFile("elsewhere.md", "other")]).number
    scanning.scan_all()
    near = review(1).json()["similarPrs"]
    assert len(near) == 10
    assert all(one["codeScore"] == pytest.approx(1) or one["prNumber"] == same_text for one in near)
    best = [max(one["codeScore"], one["intentScore"]) for one in near]
    assert best == sorted(best, reverse=True)
    assert 1 not in [one["prNumber"] for one in near]


def test_vectors_of_another_size_are_not_mixed(
    scanning: Scanning, review: Review, open_pulls: OpenPulls, repository: Repository, outside: Outside
) -> None:
    open_pulls(2)
    scanning.scan_all()
    number = repository.open("New", "Something", [ChangedFile("new.py", "new")]).number
    embedding = json.dumps(outside.config(embedding="ollama")["embedding"])
    scanning.executor.connection.execute(
        "UPDATE accounts SET config = json_set(config, '$.embedding', json(?))", (embedding,)
    )
    answer = review(number)
    assert answer.status_code == 400
    assert answer.json()["code"] == "SCAN_NEEDED"


@pytest.mark.parametrize(("status", "answered"), [(500, 503), (429, 503), (401, 400)])
def test_errors_of_the_embedding_model_are_told(
    scanning: Scanning, review: Review, repository: Repository, outside: Outside, status: int, answered: int
) -> None:
    scanning.scan_all()
    number = repository.open("New", "Something", [ChangedFile("new.py", "new")]).number
    outside.fail("openai.embeddings", status)
    answer = review(number)
    assert answer.status_code == answered
    assert isinstance(answer.json()["error"], str)


def test_a_diff_that_github_does_not_give_costs_the_review_only_the_diff(
    scanning: Scanning, review: Review, repository: Repository, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(2)
    scanning.scan_all()
    number = repository.open("New", "Something", [ChangedFile("new.py", "new")]).number
    outside.fail("github.diff", 422, body={"message": "heavy server load"}, pull=number)
    answer = review(number)
    assert (answer.status_code, len(answer.json()["similarPrs"])) == (200, 2)
    outside.heal()
    scanning.scan_all()
    assert None not in scanning.pulls("diff_hash")


def test_texts_that_are_refused_are_told_to_who_asks(
    scanning: Scanning, review: Review, repository: Repository, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(2)
    scanning.scan_all()
    number = repository.open("A zyzzyva", None, [ChangedFile("new.py", "new")]).number
    outside.llm.behaviour = Behaviour(refuses_to_embed=frozenset({"zyzzyva"}))
    answer = review(number)
    assert answer.status_code == 400
    assert "usage policy" in answer.json()["error"]
