"""Names of repositories on every host: in any case, and after a rename."""

from collections.abc import Callable

from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.whole.scans.client import Client

Plant = Callable[[Plan], Repository]
SMALL = Plan(prs=12, odd=False)


def test_a_renamed_repository_stays_one_in_whatever_case_it_is_asked_for(
    client: Client, outside: World, plant: Plant
) -> None:
    repository = plant(SMALL)
    old = repository.full_name
    assert client.scan(old.upper()).status == "done"
    groups = client.groups(old)
    new = f"Elsewhere/{repository.name}-renamed"
    outside.github.rename(repository, *new.split("/"))
    read = outside.count("github.diff").calls
    for name in (old, new.lower()):
        watched = client.scan(name)
        assert (watched.status, watched.error) == ("done", None)
    assert outside.count("github.diff").calls == read
    assert client.groups(new.upper()) == groups
    names = [f"{repo['owner']}/{repo['name']}" for repo in client.request("GET", "/repos").json()]
    assert [name for name in names if repository.name in name] == [new]
    assert client.request("GET", f"/repos/{new.upper()}/dupes").json()["repo"] == new
