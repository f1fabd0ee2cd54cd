"""The stand-in for GitHub answers as documented: paging, ETags, diffs, limits, and what is gone."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.outside.planting import Plan
from tests.outside.world import World

DIFF = {"accept": "application/vnd.github.diff"}


@pytest.fixture
def token(outside: World) -> str:
    """A token of this test's own."""
    return outside.github.add_token()


@pytest.fixture
def client(outside: World, token: str) -> Iterator[httpx.Client]:
    """Somebody with that token."""
    headers = {"authorization": f"Bearer {token}", "user-agent": "test"}
    with httpx.Client(base_url=outside.github_url, headers=headers, timeout=5) as it:
        yield it


PULLS = "/repos/acme/widgets/pulls"


def test_a_list_is_paged_and_links_lead_through_it(outside: World, client: httpx.Client) -> None:
    first = client.get(PULLS, params={"state": "open", "per_page": 100})
    assert set(first.links) == {"next", "last"}
    assert "/repositories/" in first.links["next"]["url"]
    seen, response = list(first.json()), first
    while "next" in response.links:
        response = client.get(response.links["next"]["url"])
        seen += response.json()
    assert set(response.links) == {"prev", "first"}
    assert len(seen) >= 230
    assert {pull["number"] for pull in seen} == outside.repository.open_numbers
    assert [pull["created_at"] for pull in seen] == sorted((pull["created_at"] for pull in seen), reverse=True)
    assert len(client.get(PULLS).json()) == 30
    assert len(client.get(PULLS, params={"per_page": 1000}).json()) == 100
    assert client.get(PULLS, params={"page": 99}).json() == []
    assert len(client.get(PULLS, params={"state": "closed", "per_page": 100}).json()) >= 23


def test_an_etag_saves_the_answer_and_the_rate_limit(outside: World, client: httpx.Client) -> None:
    number = min(outside.repository.planted_groups[0])
    first = client.get(f"{PULLS}/{number}", headers=DIFF)
    assert first.headers["content-type"] == "application/vnd.github.diff; charset=utf-8"
    assert first.text.startswith("diff --git a/")
    again = client.get(f"{PULLS}/{number}", headers={**DIFF, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    outside.repository.push(number)
    changed = client.get(f"{PULLS}/{number}", headers={**DIFF, "if-none-match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_a_diff_can_be_too_large(outside: World, client: httpx.Client) -> None:
    refused = {}
    for pull in outside.repository.listed():
        response = client.get(f"{PULLS}/{pull.number}", headers=DIFF)
        if response.status_code != 200:
            assert response.status_code == 406
            refused[pull.number] = response.json()
    assert len(refused) == 2
    assert all(body["errors"][0]["code"] == "too_large" for body in refused.values())
    assert {("lines (20000)" in body["message"], "files (300)" in body["message"]) for body in refused.values()} == {
        (True, False),
        (False, True),
    }


def test_files_come_in_pages(outside: World, client: httpx.Client) -> None:
    many = max(outside.repository.listed(), key=lambda pull: len(pull.files))
    response = client.get(f"{PULLS}/{many.number}/files", params={"per_page": 100})
    names = [file["filename"] for file in response.json()]
    while "next" in response.links:
        response = client.get(response.links["next"]["url"])
        names += [file["filename"] for file in response.json()]
    assert names == [file.path for file in many.files]
    renamed = next(pull for pull in outside.repository.listed() if any(file.status == "renamed" for file in pull.files))
    files = client.get(f"{PULLS}/{renamed.number}/files").json()
    assert {file["status"] for file in files} == {"renamed", "modified", "added", "removed"}
    assert files[0]["previous_filename"].endswith("before.py")
    assert "patch" not in files[1]


def test_a_single_pull_request_tells_whether_it_was_merged(outside: World, client: httpx.Client) -> None:
    merged, closed = outside.repository.open("to be merged"), outside.repository.open("to be closed")
    outside.repository.merge(merged.number)
    outside.repository.close(closed.number)
    assert client.get(f"{PULLS}/{merged.number}").json()["merged"] is True
    assert client.get(f"{PULLS}/{closed.number}").json()["merged"] is False
    assert client.get(f"{PULLS}/{closed.number}").json()["state"] == "closed"
    outside.repository.remove(closed.number)
    assert client.get(f"{PULLS}/{closed.number}").status_code == 404


def test_a_renamed_repository_is_found_by_its_former_name(outside: World, client: httpx.Client) -> None:
    repository = outside.add_repository("acme", "before", Plan(prs=3, closed_share=0, odd=False))
    outside.github.rename(repository, "Elsewhere", "after")
    moved = client.get("/repos/ACME/Before/pulls/1/files?per_page=2")
    assert (moved.status_code, moved.json()["message"]) == (301, "Moved Permanently")
    assert moved.headers["location"] == f"{outside.github_url}/repositories/{repository.id}/pulls/1/files?per_page=2"
    for path in ("/repos/acme/before", "/repos/elsewhere/after"):
        found = client.get(path, follow_redirects=True).json()
        assert (found["id"], found["full_name"]) == (repository.id, "Elsewhere/after")
    assert len(client.get("/repos/acme/before/pulls", follow_redirects=True).json()) == 3
    # A name that somebody else takes leads to them.
    other = outside.add_repository("acme", "before", Plan(prs=0, odd=False))
    assert client.get("/repos/acme/before").json()["id"] == other.id


def test_what_is_refused(outside: World, client: httpx.Client) -> None:
    assert client.get("/user").json()["type"] == "User"
    assert client.get("/repos/acme/nothing/pulls").json()["message"] == "Not Found"
    outside.add_repository("acme", "doomed", Plan(3))
    assert len(client.get("/repos/acme/doomed/pulls").json()) == 3
    outside.github.delete_repository("acme", "doomed")
    assert client.get("/repos/acme/doomed/pulls").status_code == 404
    unknown = client.get(PULLS, headers={"authorization": "Bearer ghp_wrong"})
    assert (unknown.status_code, unknown.json()["message"]) == (401, "Bad credentials")


def test_a_token_can_be_revoked_in_the_middle(outside: World, client: httpx.Client, token: str) -> None:
    outside.when("github.pulls", lambda: outside.github.revoke(token), skip=2)
    assert [client.get(PULLS).status_code for _ in range(4)] == [200, 200, 401, 401]


def test_the_primary_rate_limit(outside: World, client: httpx.Client, token: str) -> None:
    outside.github.leave_requests(token, 2, reset_seconds=1)
    assert [client.get("/user").headers["x-ratelimit-remaining"] for _ in range(2)] == ["1", "0"]
    limited = client.get(PULLS)
    assert limited.status_code == 403
    assert limited.headers["x-ratelimit-remaining"] == "0"
    assert float(limited.headers["x-ratelimit-reset"]) - time.time() < 3
    assert limited.json()["message"].startswith("API rate limit exceeded")
    assert "retry-after" not in limited.headers
    time.sleep(max(0.0, float(limited.headers["x-ratelimit-reset"]) - time.time()))
    assert client.get(PULLS).status_code == 200


def test_the_secondary_rate_limit(outside: World, client: httpx.Client) -> None:
    outside.limit_secondary("github.files", retry_after=7, times=1)
    number = min(outside.repository.open_numbers)
    limited = client.get(f"{PULLS}/{number}/files")
    assert (limited.status_code, limited.headers["retry-after"]) == (403, "7")
    assert "secondary rate limit" in limited.json()["message"]
    assert client.get(f"{PULLS}/{number}/files").status_code == 200


def test_requests_under_way_are_counted(outside: World, client: httpx.Client) -> None:
    outside.slow("github.user", 0.2)
    threads = [threading.Thread(target=client.get, args=("/user",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outside.count("github").calls, outside.count("github").max_active) == (4, 4)
    assert outside.count("github.user").statuses == {200: 4}
    assert {request.endpoint for request in outside.requests("github.*")} == {"github.user"}
    outside.reset()
    assert outside.count("github").calls == 0
