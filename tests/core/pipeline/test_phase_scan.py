"""Phase `scan`: a repository that is renamed stays one, and a name that another has got is noticed."""

from typing import Any

import pytest

from ossgard.spec.settings import INTENT_COLLECTION
from tests.core.scanning import Scanning
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World as Outside


def tracked(scanning: Scanning) -> list[tuple[Any, ...]]:
    """The tracked repositories: their ids, names and ids on GitHub."""
    return scanning.rows("SELECT id, owner || '/' || name, github_id FROM repos ORDER BY id")


def scanned_as(scanning: Scanning, owner: str, name: str) -> dict[str, Any]:
    """A whole scan under a name."""
    scanning.start_scan(owner, name)
    scanning.drain()
    return scanning.scan()


@pytest.fixture
def new_name(repository: Repository) -> str:
    """A name that no other repository of the world has."""
    return f"{repository.name}-renamed"


def test_the_spelling_is_githubs(scanning: Scanning, repository: Repository) -> None:
    assert scanned_as(scanning, repository.owner.upper(), repository.name.title())["status"] == "done"
    assert tracked(scanning) == [(1, repository.full_name, repository.id)]


def test_it_asks_github_once(scanning: Scanning, outside: Outside) -> None:
    scanning.begin()
    scanning.run_phase("scan")
    assert [request.method for request in outside.requests("github.*")] == ["GET"]


@pytest.mark.parametrize("asked_by", ["the old name", "the new name"])
def test_a_renamed_repository_stays_one(
    scanning: Scanning, outside: Outside, repository: Repository, open_pulls: Any, new_name: str, asked_by: str
) -> None:
    open_pulls(2)
    repository.open_duplicate(1)
    scanning.scan_all()
    vectors, old = scanning.vectors.ids(INTENT_COLLECTION), repository.name
    outside.github.rename(repository, "Elsewhere", new_name)
    outside.reset()
    name = ("acme", old) if asked_by == "the old name" else ("elsewhere", new_name.upper())
    assert scanned_as(scanning, *name)["status"] == "done"
    assert tracked(scanning) == [(1, f"Elsewhere/{new_name}", repository.id)]
    assert scanning.groups() == [[1, 3], [1, 3]]
    assert scanning.vectors.ids(INTENT_COLLECTION) == vectors
    # Nothing was read or embedded again.
    assert outside.requests("github.files,github.diff,openai.embeddings") == []


def test_a_repository_that_is_tracked_under_both_names_becomes_one(
    scanning: Scanning, outside: Outside, repository: Repository, open_pulls: Any, new_name: str
) -> None:
    open_pulls(2)
    repository.open_duplicate(1)
    # As before an id was kept.
    scanning.scan_all()
    scanning.executor.connection.execute("UPDATE repos SET github_id = NULL")
    outside.github.rename(repository, repository.owner, new_name)
    assert scanned_as(scanning, repository.owner, new_name)["status"] == "done"
    assert [id for id, _, _ in tracked(scanning)] == [1, 2]
    assert scanned_as(scanning, *scanning.rows("SELECT owner, name FROM repos WHERE id = 1")[0])["status"] == "done"
    assert tracked(scanning) == [(2, repository.full_name, repository.id)]
    assert scanning.groups() == [[1, 3]] * 3
    assert scanning.rows("SELECT DISTINCT repo_id FROM scans") == [(2,)]
    assert scanning.rows("SELECT DISTINCT repo_id FROM vector_purges") == [(1,)]


def test_two_scans_of_one_repository_are_not_active_at_once(
    scanning: Scanning, outside: Outside, repository: Repository, open_pulls: Any, new_name: str
) -> None:
    open_pulls(2)
    scanning.scan_all()
    first = scanning.begin()
    old, waiting = repository.name, list(scanning.queue.jobs)
    outside.github.rename(repository, repository.owner, new_name)
    scanning.queue.jobs.clear()
    assert scanned_as(scanning, repository.owner, new_name)["error"] == (
        f"acme/{new_name} is the same repository on GitHub as acme/{old}, and scan {first} of that is active. "
        "Start the scan again when it has ended"
    )
    scanning.queue.jobs[:] = waiting
    scanning.drain()
    assert scanned_as(scanning, repository.owner, new_name)["status"] == "done"
    assert tracked(scanning) == [(1, repository.full_name, repository.id)]
    assert scanning.rows("SELECT status, count(*) FROM scans GROUP BY status") == [("done", 3), ("failed", 1)]


def test_another_repository_does_not_inherit_what_had_its_name(
    scanning: Scanning, outside: Outside, repository: Repository, open_pulls: Any, new_name: str
) -> None:
    open_pulls(2)
    scanning.scan_all()
    old = repository.name
    outside.github.rename(repository, repository.owner, new_name)
    other = outside.add_repository(repository.owner, old, Plan(prs=0, closed_share=0, odd=False))
    other.open("Something else", "entirely")
    scan = scanned_as(scanning, repository.owner, old)
    assert scan["error"].startswith(
        f"acme/{old} is another repository on GitHub now (id {other.id}) than the one whose"
    )
    assert scanning.pulls("title") == [repository.pulls[1].title, repository.pulls[2].title]
    # The old one keeps its pull requests under its new name, and leaves the name to the other.
    assert scanned_as(scanning, repository.owner, new_name)["status"] == "done"
    assert scanned_as(scanning, repository.owner, old)["status"] == "done"
    assert tracked(scanning)[0] == (1, f"acme/{new_name}", repository.id)
    assert tracked(scanning)[1][1:] == (f"acme/{old}", other.id)
    assert scanning.rows("SELECT repo_id, count(*) FROM prs GROUP BY repo_id")[0] == (1, 2)


def test_a_name_that_another_tracked_repository_still_has_is_left_to_it(
    scanning: Scanning, outside: Outside, repository: Repository, new_name: str
) -> None:
    other = outside.add_repository(repository.owner, new_name, Plan(prs=0, closed_share=0, odd=False))
    scanning.scan_all()
    assert scanned_as(scanning, repository.owner, new_name)["status"] == "done"
    old = repository.name
    outside.github.delete_repository(other.owner, other.name)
    outside.github.rename(repository, repository.owner, new_name)
    assert scanned_as(scanning, repository.owner, old)["status"] == "done"
    assert [name for _, name, _ in tracked(scanning)] == [f"acme/{old}", f"acme/{new_name}"]
    assert "is another repository on GitHub now" in scanned_as(scanning, repository.owner, new_name)["error"]
