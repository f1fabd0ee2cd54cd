"""A caller with an account."""

import time
from typing import Any

import httpx


class Account(httpx.Client):
    """Sends requests with an account's API key."""

    def __init__(self, url: str, api_key: str, config: dict[str, Any]) -> None:
        super().__init__(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=60, verify=False)
        self.api_key = api_key
        self.config = config

    def ended_scan(self, scan_id: int, within_seconds: float = 60) -> dict[str, Any]:
        """The scan, once it has ended."""
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            scan: dict[str, Any] = self.get(f"/scans/{scan_id}").raise_for_status().json()
            if scan["status"] in ("done", "failed"):
                return scan
            time.sleep(0.1)
        raise AssertionError(f"the scan has not ended: {scan}")
