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


class Failing(CamelModel):
    """How long a step has been failing: since when, how often it was tried, and how many of the tries ended in an
    error that
    nobody foresaw.

    `waited` counts the seconds that it was put off by our own choice, not because the other side asked for it.
    """

    since: str
    tries: int
    unexpected: int
    waited: int


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


class ListedPR(CamelModel):
    """A pull request as the listing shows it."""

    number: int
    title: str
    body: str | None
    author: str
    created_at: str
    updated_at: str


class PRStateChange(CamelModel):
    """What became of a pull request that is no longer listed."""

    number: int
    state: PRState


class EmbedHash(CamelModel):
    """Which content of a pull request is embedded."""

    id: int
    embed_hash: str


class NeighbourEdge(CamelModel):
    """Two pull requests whose vectors are near; `pr_id` is the smaller id."""

    pr_id: int
    neighbour_id: int
    signal: str
    score: float


class Neighbour(CamelModel):
    """The other end of an edge, with the best score of both signals."""

    id: int
    score: float


class CandidateInput(CamelModel):
    """A group on its way through cluster and verify."""

    position: int
    pr_ids: list[int]
    label: str | None


class BatchAnswerInput(CamelModel):
    """What a chat model answered in a batch about the group at a position; `problem` says why the text is not all of
    it.
    """

    position: int
    text: str
    problem: str | None
    input_tokens: int
    output_tokens: int


class RankedMember(CamelModel):
    """A member of a ranked group."""

    pr_id: int
    rank: int
    score: float
    rationale: str | None


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


class ReviewRow(CamelModel):
    """A row of the review of one pull request (`this`): the groups of the latest completed scan that it is in.

    What is not there, `this` included, is null.
    """

    repo_id: int
    scan_id: int | None
    this_id: int | None
    this_title: str | None
    this_author: str | None
    this_state: PRState | None
    this_embed_hash: str | None
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
    due_at: str
    begun: int
    failing: Annotated[Failing | None, JsonText]
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
    next_batch_id: str | None


class ScanStep(CamelModel):
    """A message of a scan as the outbox and the sweep see it."""

    scan_id: int
    step: int
    phase: str
    due_at: str
    sent_at: str | None
    batch_id: str | None
    batch_expires_at: str | None
    failing: Annotated[Failing | None, JsonText]


class PendingPR(CamelModel):
    """A listed pull request whose files and diff are to be read, with what is stored of it."""

    number: int
    title: str
    body: str | None
    author: str
    created_at: str
    updated_at: str
    diff_hash: str | None
    github_etag: str | None


class ListedCounts(CamelModel):
    """How many pull requests a scan has listed, and how many of them are still to be read."""

    listed: int
    pending: int


class PRKey(CamelModel):
    """What the cluster phase needs of a pull request."""

    id: int
    number: int
    diff_hash: str | None


class NeighbourList(CamelModel):
    """The neighbours of a pull request with larger ids."""

    pr_id: int
    neighbours: Annotated[list[Neighbour], JsonText]


class CandidateGroup(CamelModel):
    """A group on its way through cluster and verify."""

    position: int
    pr_ids: Annotated[list[int], JsonText]
    label: str | None
    error: str | None


class BatchAnswer(CamelModel):
    """What a chat model answered in a batch about the group at a position."""

    position: int
    text: str
    problem: str | None
    input_tokens: int
    output_tokens: int


class BatchPoll(CamelModel):
    """What a poller keeps: the batch, the message that waits for it, and how often it has polled.

    `errors` counts those in a row, `begun` polls of which nothing was heard; `ended` says that the batch has, and
    only the
    message is still to be sent.
    """

    batch_id: str
    scan_id: int
    step: int
    phase: str
    polls: int
    begun: int
    errors: int
    ended: bool


class DueBatchPoll(CamelModel):
    """When a poller of the local host is to poll."""

    name: str
    next_poll_at: str


class VectorPurge(CamelModel):
    """A pull request whose vectors are to be deleted, and the server that they are on, when it is not the host's
    own.
    """

    id: int
    repo_id: int
    number: int
    vector_store: Annotated[JsonObject | None, JsonText]
    begun: int


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
