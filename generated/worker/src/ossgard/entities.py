"""What the database stores and returns."""

from enum import StrEnum
from typing import Annotated, TypedDict

from ossgard.model import CamelModel, JsonObject, JsonText


class ScanStatus(StrEnum):
    """Where a scan is; the phases of jobs.yaml name the status that they run under."""

    QUEUED = "queued"
    INGESTING = "ingesting"
    EMBEDDING = "embedding"
    CLUSTERING = "clustering"
    VERIFYING = "verifying"
    RANKING = "ranking"
    DONE = "done"
    FAILED = "failed"
    PAUSED = "paused"


class PRState(StrEnum):
    """The state of a pull request on GitHub, with merged told apart from closed."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class JobStatus(StrEnum):
    """Where a job of the local queue is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PAUSED = "paused"


class LlmProvider(StrEnum):
    """Who answers chat requests."""

    OLLAMA = "ollama"
    ANTHROPIC = "anthropic"
    OPENAI = "openai"


class EmbeddingProvider(StrEnum):
    """Who computes embeddings."""

    OLLAMA = "ollama"
    OPENAI = "openai"


class Progress(CamelModel):
    """How far the present phase of a scan is."""

    done: int
    total: int
    note: str | None


class PRInput(CamelModel):
    """A pull request as ingest stores it."""

    number: int
    title: str
    body: str | None
    author: str
    diff_hash: str | None
    file_paths: list[str]
    state: PRState
    github_etag: str | None
    created_at: str
    updated_at: str


class Account(CamelModel):
    """A caller of the API and the services it uses. The API key itself is not stored, only its SHA-256."""

    id: int
    label: str | None
    config: Annotated[JsonObject, JsonText]
    created_at: str
    updated_at: str


class Repo(CamelModel):
    """A repository that an account tracks."""

    id: int
    owner: str
    name: str
    last_scan_at: str | None
    created_at: str


class RepoOverview(CamelModel):
    """A repository with its number of stored pull requests and its active scan, if there is one."""

    id: int
    owner: str
    name: str
    last_scan_at: str | None
    created_at: str
    pr_count: int
    active_scan_status: ScanStatus | None
    active_scan_pr_count: int | None
    active_scan_dupe_group_count: int | None


class PR(CamelModel):
    """A pull request as last read from GitHub."""

    id: int
    repo_id: int
    number: int
    title: str
    body: str | None
    author: str
    diff_hash: str | None
    file_paths: Annotated[list[str], JsonText]
    state: PRState
    github_etag: str | None
    embed_hash: str | None
    created_at: str
    updated_at: str


class Scan(CamelModel):
    """One run of the pipeline over a repository."""

    id: int
    repo_id: int
    status: ScanStatus
    phase_cursor: Annotated[JsonObject | None, JsonText]
    pr_count: int
    dupe_group_count: int
    input_tokens: int
    output_tokens: int
    started_at: str
    completed_at: str | None
    error: str | None
    progress: Annotated[Progress | None, JsonText]


class DupeGroup(CamelModel):
    """A group of pull requests that do the same thing, found by one scan."""

    id: int
    scan_id: int
    repo_id: int
    label: str | None
    pr_count: int


class DupeGroupMember(CamelModel):
    """A pull request in a group, with its rank; rank 1 is the one to merge."""

    id: int
    group_id: int
    pr_id: int
    rank: int
    score: float
    rationale: str | None


class DupeRow(CamelModel):
    """A row of the duplicates report; everything after `repo_id` is null where there is no scan, group or member."""

    repo_id: int
    scan_id: int | None
    completed_at: str | None
    group_id: int | None
    label: str | None
    pr_count: int | None
    pr_id: int | None
    pr_number: int | None
    title: str | None
    author: str | None
    state: PRState | None
    rank: int | None
    score: float | None
    rationale: str | None


class ScanMessage(CamelModel):
    """All that the runner needs to handle one message of a scan, in one row."""

    scan_id: int
    step: int
    phase: str
    status: ScanStatus
    phase_cursor: Annotated[JsonObject | None, JsonText]
    repo_id: int
    account_id: int
    owner: str
    name: str
    config: Annotated[JsonObject, JsonText]
    next_step: int | None
    next_phase: str | None
    next_due_at: str | None
    next_sent_at: str | None


class ScanStep(CamelModel):
    """A message of a scan as the outbox and the sweep see it."""

    scan_id: int
    step: int
    phase: str
    due_at: str
    sent_at: str | None


class Job(CamelModel):
    """A job of the local queue."""

    id: str
    type: str
    payload: Annotated[JsonObject, JsonText]
    status: JobStatus
    result: Annotated[JsonObject | None, JsonText]
    error: str | None
    attempts: int
    max_retries: int
    run_after: str | None
    created_at: str
    updated_at: str


class UpdateAccountConfigChanges(TypedDict, total=False):
    """What to change; an absent key stays as it is."""

    label: str | None


class UpdateScanStatusChanges(TypedDict, total=False):
    """What to change; an absent key stays as it is."""

    error: str | None
    completed_at: str | None
    phase_cursor: JsonObject | None
    progress: Progress | None
    pr_count: int
    dupe_group_count: int
