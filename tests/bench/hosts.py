"""How soon each host answers after its start, and how many requests a second it serves."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx

from tests.bench.table import print_table
from tests.outside.github_api import GitHubApi, github_standin
from tests.support.bun_host import bun_host
from tests.support.worker_host import worker_host

ROOT = Path(__file__).parents[2]
BUN = ROOT / ".tools/node_modules/.bin/bun"
CONNECTIONS = 8
REPOSITORIES = 20
HOSTS: dict[str, Callable[..., AbstractContextManager[Any]]] = {"Bun": bun_host, "workerd": worker_host}


def bench_hosts() -> None:
    """Start, first answer, and three routes under load, on both hosts."""
    rows = []
    with github_standin() as github, tempfile.TemporaryDirectory() as folder:
        for name, host in HOSTS.items():
            environment = {"GITHUB_API_URL": github.url, "LOG_LEVEL": "error"}
            start = time.perf_counter()
            with host(Path(folder) / name, environment) as running:
                httpx.get(f"{running.url}/health", timeout=60).raise_for_status()
                first = time.perf_counter() - start
                token = register(running.url, github)
                rates = [rate(running.url + path, token, requests) for path, requests in routes()]
                rows.append([name, f"{first:.1f}", *(f"{value:,.0f}" for value in rates)])
    print_table(
        f"Hosts ({CONNECTIONS} connections; {REPOSITORIES} repositories in the list)",
        ["host", "start to first answer (s)", *(f"GET {path} (1/s)" for path, _ in routes())],
        rows,
    )


def routes() -> Iterator[tuple[str, int]]:
    """The measured paths, each with a number of requests."""
    yield "/health", 3000
    yield "/accounts/me", 1500
    yield "/repos", 1000


def register(url: str, github: GitHubApi) -> str:
    """An account with some repositories; its API key."""
    service = {"provider": "openai", "url": github.url, "api_key": "sk-0123456789"}
    config = {
        "github": {"token": github.add_token()},
        "llm": {**service, "model": "gpt-test"},
        "embedding": {**service, "model": "text-embedding-3-small"},
    }
    answer = httpx.post(f"{url}/accounts", json={"config": config}, timeout=60).raise_for_status()
    key = str(answer.json()["apiKey"])
    for number in range(REPOSITORIES):
        body = {"owner": "acme", "name": f"rocket-{number}"}
        headers = {"Authorization": f"Bearer {key}"}
        httpx.post(f"{url}/repos", json=body, headers=headers, timeout=60).raise_for_status()
    return key


def rate(url: str, token: str, requests: int) -> float:
    """Requests a second, after a warm-up."""
    for count in (requests // 10, requests):
        command: list[str | Path] = [BUN, Path(__file__).with_name("load.ts"), url, token, str(count), str(CONNECTIONS)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(result.stdout)
