"""What GitHub says, as JSON: accounts, repositories, pull requests, files, errors."""

from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from zlib import crc32

from tests.outside.diffs import MAX_PATCH_LINES, ChangedFile
from tests.outside.github_access import DOCUMENTATION
from tests.outside.repository import PullRequest, Repository

ABOUT_LIMITS = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"


def error(status: int, limit: str = "") -> Any:
    """What GitHub says with a status; `limit` is `primary` or `secondary`."""
    if limit == "primary":
        message = (
            "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please include the "
            "request ID C0DE:1:2:3:4 and timestamp 2026-11-23 10:00:00 UTC."
        )
        return {"message": message, "documentation_url": ABOUT_LIMITS, "status": str(status)}
    if limit == "secondary" or status == 429:
        message = (
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach "
            "out to GitHub Support for help, please include the request ID C0DE:1:2:3:4."
        )
        return {"message": message, "documentation_url": f"{ABOUT_LIMITS}#about-secondary-rate-limits"}
    if status in (502, 504):
        return "<html><head><title>Unicorn! &middot; GitHub</title></head><body>This page takes too long.</body></html>"
    messages = {401: "Bad credentials", 403: "Resource not accessible by personal access token", 404: "Not Found"}
    message = messages.get(status, "Server Error")
    return {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}


def account(base: str, login: str) -> dict[str, Any]:
    """An account."""
    return {
        "login": login,
        "id": crc32(login.encode()),
        "node_id": f"U_{crc32(login.encode())}",
        "avatar_url": f"{base}/avatars/{login}",
        "url": f"{base}/users/{login}",
        "html_url": f"https://github.com/{login}",
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
    }


def repository_document(base: str, repository: Repository) -> dict[str, Any]:
    """A repository."""
    return {
        "id": repository.id,
        "node_id": f"R_{repository.id}",
        "name": repository.name,
        "full_name": repository.full_name,
        "private": False,
        "owner": account(base, repository.owner),
        "html_url": f"https://github.com/{repository.full_name}",
        "description": None,
        "fork": False,
        "url": f"{base}/repos/{repository.full_name}",
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        "open_issues_count": len(repository.open_numbers),
        "visibility": "public",
    }


def head_commit(pull: PullRequest) -> str:
    """The commit that a pull request ends with."""
    content = f"{pull.number}|{pull.cosmetic}|" + "|".join(file.sha() for file in pull.files)
    return sha256(content.encode()).hexdigest()[:40]


def pull_document(base: str, repository: Repository, pull: PullRequest, detailed: bool = False) -> dict[str, Any]:
    """A pull request: what the list shows, or all that it says when asked for alone."""
    url = f"{base}/repos/{repository.full_name}/pulls/{pull.number}"
    author = account(base, pull.author) if pull.author is not None else None
    known = repository_document(base, repository)
    head_repository = None if pull.head_repository_deleted else known
    ref = pull.branch or f"change-{pull.number}"
    answer: dict[str, Any] = {
        "url": url,
        "id": repository.id * 1_000_000 + pull.number,
        "node_id": f"PR_{repository.id}_{pull.number}",
        "html_url": f"https://github.com/{repository.full_name}/pull/{pull.number}",
        "diff_url": f"https://github.com/{repository.full_name}/pull/{pull.number}.diff",
        "patch_url": f"https://github.com/{repository.full_name}/pull/{pull.number}.patch",
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": author,
        "body": pull.body,
        "created_at": _time(pull.created_at),
        "updated_at": _time(pull.updated_at),
        "closed_at": _time(pull.closed_at),
        "merged_at": _time(pull.merged_at),
        "merge_commit_sha": head_commit(pull)[::-1],
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": None,
        "draft": pull.draft,
        "head": {
            "label": f"{pull.author or 'unknown repository'}:{ref}",
            "ref": ref,
            "sha": head_commit(pull),
            "user": author,
            "repo": head_repository,
        },
        "base": {
            "label": f"{repository.owner}:{pull.base}",
            "ref": pull.base,
            "sha": "0" * 40,
            "user": account(base, repository.owner),
            "repo": known,
        },
        "_links": {"self": {"href": url}, "html": {"href": f"https://github.com/{repository.full_name}"}},
        "author_association": "CONTRIBUTOR",
        "auto_merge": None,
        "active_lock_reason": None,
    }
    if detailed:
        merged = pull.merged_at is not None
        answer |= {
            "merged": merged,
            "mergeable": None if merged else True,
            "mergeable_state": "unknown" if merged else "clean",
            "merged_by": account(base, repository.owner) if merged else None,
            "comments": 0,
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": 1,
            "additions": sum(file.additions for file in pull.files),
            "deletions": sum(file.deletions for file in pull.files),
            "changed_files": len(pull.files),
        }
    return answer


def file_document(base: str, repository: Repository, head: str, file: ChangedFile) -> dict[str, Any]:
    """A changed file, with its patch where it is short enough."""
    where = f"https://github.com/{repository.full_name}"
    answer: dict[str, Any] = {
        "sha": file.sha(),
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{where}/blob/{head}/{quote(file.path)}",
        "raw_url": f"{where}/raw/{head}/{quote(file.path)}",
        "contents_url": f"{base}/repos/{repository.full_name}/contents/{quote(file.path)}?ref={head}",
    }
    if not file.binary and 0 < file.additions + file.deletions <= MAX_PATCH_LINES:
        answer["patch"] = "\n".join(file.patch())
    if file.previous is not None:
        answer["previous_filename"] = file.previous
    return answer


def _time(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None
