"""A user of ossgard: registers, scans, waits and reads, over HTTP and nothing else."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

ENDED = ("done", "failed")
POLL_SECONDS = 0.05
# Long for a machine that is busy with other tests.
WAIT_SECONDS = 300


@dataclass
class Watched:
    """A scan that has ended, with everything that was seen of it on the way, each state once."""

    scan: dict[str, Any]
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """How it ended."""
        return str(self.scan["status"])

    @property
    def error(self) -> str | None:
        """Why it failed."""
        error: str | None = self.scan["error"]
        return error


class Client:
    """One account on a host."""

    def __init__(self, url: str, config: dict[str, Any]) -> None:
        # A host hangs up on connections that were idle for 5 seconds: they are not used again when they may be as old.
        limits = httpx.Limits(keepalive_expiry=2)
        self._http = httpx.Client(base_url=url, timeout=60, verify=False, limits=limits)
        answer = self._http.post("/accounts", json={"config": config})
        assert answer.status_code == 201, answer.text
        self.warnings: list[str] = answer.json()["warnings"]
        self._http.headers["Authorization"] = f"Bearer {answer.json()['apiKey']}"

    def move(self, url: str) -> None:
        """Talk to a host that has been started again elsewhere."""
        self._http.base_url = url

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Any other request."""
        return self._http.request(method, path, **more)

    def start(self, repository: str, **options: Any) -> int:
        """Start a scan of `owner/name`; its id."""
        answer = self._http.post(f"/repos/{repository}/scan", json=options)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["scanId"])

    def look(self, scan_id: int) -> dict[str, Any]:
        """A scan at this moment."""
        answer = self._http.get(f"/scans/{scan_id}")
        assert answer.status_code == 200, answer.text
        scan: dict[str, Any] = answer.json()
        return scan

    def wait(
        self,
        scan_id: int,
        seconds: float = WAIT_SECONDS,
        meanwhile: Callable[[dict[str, Any]], object] = lambda scan: None,
    ) -> Watched:
        """Watch a scan until it ends; `meanwhile` is called with each look at it."""
        watched = Watched(self.look(scan_id))
        end = time.monotonic() + seconds
        while True:
            if not watched.seen or watched.scan != watched.seen[-1]:
                watched.seen.append(watched.scan)
            if watched.status in ENDED:
                return watched
            assert time.monotonic() < end, f"scan {scan_id} is not through after {seconds} s: {watched.scan}"
            meanwhile(watched.scan)
            time.sleep(POLL_SECONDS)
            watched.scan = self.look(scan_id)

    def scan(self, repository: str, **options: Any) -> Watched:
        """Start a scan and watch it until it ends."""
        return self.wait(self.start(repository, **options))

    def dupes(self, repository: str) -> dict[str, Any]:
        """The groups of the latest completed scan."""
        answer = self._http.get(f"/repos/{repository}/dupes")
        assert answer.status_code == 200, answer.text
        dupes: dict[str, Any] = answer.json()
        return dupes

    def groups(self, repository: str) -> list[list[int]]:
        """The numbers of the pull requests in each group, in order."""
        groups = self.dupes(repository)["groups"]
        return sorted(sorted(member["prNumber"] for member in group["members"]) for group in groups)

    def ranking(self, repository: str) -> list[list[tuple[int, int, float, str | None, str | None]]]:
        """What must be equal on every host: the groups with numbers, ranks, scores, rationales and labels."""
        return sorted(
            [
                (member["prNumber"], member["rank"], member["score"], member["rationale"], group["label"])
                for member in group["members"]
            ]
            for group in self.dupes(repository)["groups"]
        )

    def review(self, repository: str, number: int) -> httpx.Response:
        """What is like a pull request."""
        return self._http.get(f"/repos/{repository}/review/{number}")
