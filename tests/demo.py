"""`make demo`: a whole scan, offline: the world outside, the local host, one repository, and nothing left behind.

Nothing leaves this machine, and nothing stays on it: the database lies in a temporary folder. With `--batch` (`make
demo BATCH=1`) the providers are asked in batches, and the host's clock is moved on to each poll: nobody waits for it.
"""

import argparse
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World, world
from tests.support.bun_host import BunHost, TimedBunHost, bun_host, timed_bun_host
from tests.whole.scans.client import ENDED, Client

POLL_SECONDS = 0.1
BAR = 30
TITLE = 70
SHOWN_GROUPS = 8
# At which poll the providers are done with a batch.
BATCH_POLLS = 5
INTERRUPTED = 130
# Back to the beginning of the line that grows on a terminal, which it makes empty.
CLEAR = "\r\033[K" if sys.stdout.isatty() else ""


def main() -> int:
    """Run the demonstration; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--prs", type=int, default=200, help="open pull requests")
    parser.add_argument("--batch", action="store_true", help="ask the providers in batches")
    parser.add_argument("--all", action="store_true", help=f"show all groups, not just {SHOWN_GROUPS}")
    options = parser.parse_args()
    try:
        _demonstrate(options.prs, options.batch, None if options.all else SHOWN_GROUPS)
    except KeyboardInterrupt:
        print("\nStopped.")
        return INTERRUPTED
    return 0


def _demonstrate(prs: int, batch: bool, shown: int | None) -> None:
    started = time.perf_counter()
    with world(Plan(prs)) as outside, tempfile.TemporaryDirectory(prefix="ossgard-demo-") as folder:
        repository = outside.repository
        print(f"GitHub, OpenAI and Anthropic are played by {outside.url}")
        print(f"{repository.full_name} has {prs} open pull requests, {_count(repository.planted_groups)}")
        outside.batches.polls = BATCH_POLLS
        run_host = timed_bun_host if batch else bun_host
        with run_host(Path(folder), {**outside.environment(), "LOG_LEVEL": "warning"}) as host:
            print(f"The local host listens on {host.url}, after {time.perf_counter() - started:.1f} s")
            client = Client(host.url, outside.config(llm="anthropic", batch=batch))
            print(f"An account is registered{', with batch mode' if batch else ''}\n")
            scan = _watch(client, client.start(repository.full_name), host, outside)
            if scan["status"] != "done":
                raise SystemExit(f"The scan failed: {scan['error']}")
            _show(client.dupes(repository.full_name), repository, shown)
            asked = {name: outside.count(name).calls for name in ("github", "openai", "anthropic")}
        tokens = f"{scan['inputTokens']:,} tokens read and {scan['outputTokens']:,} written by the models"
        print(f"\nRequests: {', '.join(f'{calls} to {name}' for name, calls in asked.items())}; {tokens}")
    print(f"All is stopped, after {time.perf_counter() - started:.1f} s")


def _watch(client: Client, scan_id: int, host: BunHost, outside: World) -> dict[str, Any]:
    """Show a scan until it ends; on a terminal, a line for each phase that grows."""
    phase, begun = "", time.perf_counter()
    while True:
        scan = client.look(scan_id)
        if scan["status"] != phase:
            if phase:
                _show_progress(phase, {"done": 1, "total": 1}, begun, is_last=True)
            phase, begun = scan["status"], time.perf_counter()
        if phase in ENDED:
            return scan
        _show_progress(phase, scan["progress"] or {"done": 0, "total": 1}, begun, is_last=False)
        if isinstance(host, TimedBunHost) and scan["progress"]:
            _pass_time(host, outside, scan["progress"]["note"])
        time.sleep(POLL_SECONDS)


def _pass_time(host: TimedBunHost, outside: World, note: str | None) -> None:
    """Move the host's clock on to the next poll, if there is one to wait for, and wait until the provider is asked."""
    for poll in host.next_polls():
        asked = _status_requests(outside)
        wait = (datetime.fromisoformat(poll["next_poll_at"]) - host.now()).total_seconds()
        if wait > 1 and not poll["ended"]:
            host.advance(wait)
            print(f"{CLEAR}    {note} ({poll['batch_id']}); {wait:.0f} s pass at once", flush=True)
            while _status_requests(outside) == asked:
                time.sleep(POLL_SECONDS)


def _status_requests(outside: World) -> int:
    return outside.count("openai.batch").calls + outside.count("anthropic.batch").calls


def _show_progress(phase: str, progress: dict[str, Any], begun: float, is_last: bool) -> None:
    if not is_last and not sys.stdout.isatty():
        return
    full = round(BAR * progress["done"] / max(progress["total"], 1))
    counted = "" if is_last else f"{progress['done']}/{progress['total']} {progress.get('note') or ''}"
    line = f"  {phase:<11} [{'#' * full}{' ' * (BAR - full)}] {time.perf_counter() - begun:4.1f} s  {counted}"
    print(f"\r{line:<90}" if sys.stdout.isatty() else line.rstrip(), end="\n" if is_last else "", flush=True)


def _show(dupes: dict[str, Any], repository: Repository, shown: int | None) -> None:
    groups = sorted(dupes["groups"], key=lambda group: -group["prCount"])
    print(f"\n{_count(groups)}; the first of each is the one to merge")
    for group in groups[:shown]:
        print(f"\n  {group['label']}")
        for member in group["members"]:
            title = member["title"] if len(member["title"]) <= TITLE else member["title"][: TITLE - 1] + "…"
            print(f"    {member['rank']}. #{member['prNumber']:<5} {member['score']:5.1f}  {title}")
    if shown is not None and len(groups) > shown:
        print(f"\n  ... and {len(groups) - shown} more")
    score = repository.score([[member["prNumber"] for member in group["members"]] for group in groups])
    print(f"\nAgainst what was planted: precision {score.precision:.2f}, recall {score.recall:.2f}")


def _count(groups: list[Any]) -> str:
    return f"{len(groups)} groups of duplicates" if len(groups) != 1 else "1 group of duplicates"


if __name__ == "__main__":
    sys.exit(main())
