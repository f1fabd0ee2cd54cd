"""Writes to be committed together by `Database.batch`."""

from collections.abc import Sequence

from ossgard.model import JsonObject
from ossgard.spec.entities import (
    BatchAnswerInput,
    CandidateInput,
    EmbedHash,
    Failing,
    ListedPR,
    NeighbourEdge,
    PRInput,
    PRStateChange,
    RankedMember,
    ScanStatus,
    UpdateAccountConfigChanges,
    UpdateScanStatusChanges,
)
from ossgard.sql_methods import patch
from ossgard.write import Write


def create_account(api_key_hash: str, label: str | None, config: JsonObject) -> Write:
    """Store a new account under the SHA-256 (hex) of its API key."""
    return Write("createAccount", (api_key_hash, label, config))


def update_account_config(account_id: int, config: JsonObject, changes: UpdateAccountConfigChanges) -> Write:
    """Replace the account's configuration; the label only when the patch holds one."""
    return Write("updateAccountConfig", (account_id, config, patch(changes)))


def clear_embed_hashes(account_id: int) -> Write:
    """Forget which pull requests are embedded, since their vectors no longer fit the account's configuration."""
    return Write("clearEmbedHashes", (account_id,))


def clear_repo_embed_hashes(account_id: int, repo_id: int) -> Write:
    """Forget which pull requests of a repository are embedded, so that all of them will be."""
    return Write("clearRepoEmbedHashes", (account_id, repo_id))


def clear_all_embed_hashes() -> Write:
    """Forget every account's embed hashes, since a shared collection had to be recreated."""
    return Write("clearAllEmbedHashes", ())


def insert_repo(account_id: int, owner: str, name: str) -> Write:
    """Track a repository; null when it is tracked already."""
    return Write("insertRepo", (account_id, owner, name))


def delete_repo(account_id: int, id: int) -> Write:
    """Stop tracking a repository, and delete its pull requests, scans, groups and vectors."""
    return Write("deleteRepo", (account_id, id))


def update_repo_last_scan_at(id: int, last_scan_at: str) -> Write:
    """Record when the last completed scan of a repository ended."""
    return Write("updateRepoLastScanAt", (id, last_scan_at))


def start_scan(account_id: int, owner: str, name: str, options: JsonObject, phase: str, due_at: str) -> Write:
    """Track the repository if it is new, create a scan and put its first message into the outbox.

    Null when a scan of the repository is already active.
    """
    return Write("startScan", (account_id, owner, name, options, phase, due_at))


def create_scan(account_id: int, repo_id: int) -> Write:
    """Create a scan of a tracked repository; null when one is active or the repository is not the account's."""
    return Write("createScan", (account_id, repo_id))


def update_scan_status(id: int, status: ScanStatus, changes: UpdateScanStatusChanges) -> Write:
    """Set a scan's status and whatever else the patch holds."""
    return Write("updateScanStatus", (id, status, patch(changes)))


def add_scan_tokens(id: int, input_tokens: int, output_tokens: int) -> Write:
    """Add the tokens that a slice used to the scan's counts."""
    return Write("addScanTokens", (id, input_tokens, output_tokens))


def fail_scan(id: int, error: str, completed_at: str) -> Write:
    """Mark a scan failed unless it has ended already."""
    return Write("failScan", (id, error, completed_at))


def begin_step(scan_id: int, step: int, now: str, at_once: str) -> Write:
    """Count an attempt at a step before its work begins, and read the message as `getScanMessage` does.

    Nothing is counted when the step is taken already or not due yet, when the scan has ended, or when an attempt
    has begun
    after `at_once`: that is another delivery, and not dead, or this very call, sent twice.
    """
    return Write("beginStep", (scan_id, step, now, at_once))


def put_off_step(scan_id: int, step: int, due_at: str, failing: Failing, note: str) -> Write:
    """Put a step off until `due_at` after an error that may pass, its message back into the outbox, and tell the
    scan's user.

    The attempt has told an error, so it no longer counts as one of which nothing was heard. A message that waited
    for a
    provider's batch has got what it waited for. No row changes when the step is taken already or the scan has
    ended.
    """
    return Write("putOffStep", (scan_id, step, due_at, failing, note))


def excuse_step(scan_id: int, step: int) -> Write:
    """Uncount an attempt at a step that was broken off through no fault of its own."""
    return Write("excuseStep", (scan_id, step))


def take_step(
    scan_id: int,
    next_step: int,
    next_phase: str | None,
    due_at: str,
    batch_id: str | None,
    batch_expires_at: str | None,
) -> Write:
    """Commit that a step's work is done, by inserting the message that follows it; always the first write of a
    batch.

    The message may wait for a provider's batch. Fails, and with it the batch of writes, when the step is taken
    already or
    the scan has ended or is gone.
    """
    return Write("takeStep", (scan_id, next_step, next_phase, due_at, batch_id, batch_expires_at))


def mark_step_sent(scan_id: int, step: int, sent_at: str) -> Write:
    """Record that a message has left the outbox."""
    return Write("markStepSent", (scan_id, step, sent_at))


def claim_submission(scan_id: int, step: int, submitting_at: str, stale_at: str | None) -> Write:
    """Begin to submit the batch of a step, if no attempt at it has before, or with `stale_at` if none has after
    that.

    No row changes when another attempt may be at it.
    """
    return Write("claimSubmission", (scan_id, step, submitting_at, stale_at))


def forget_submission(scan_id: int, step: int) -> Write:
    """Record that no batch of a step has been submitted, since the provider has refused it."""
    return Write("forgetSubmission", (scan_id, step))


def mark_batch_ended(scan_id: int, step: int, ended_at: str) -> Write:
    """Record when the batch that a message waited for ended; from then on, the message is to be answered."""
    return Write("markBatchEnded", (scan_id, step, ended_at))


def upsert_pr(repo_id: int, pr: PRInput) -> Write:
    """Store a pull request, or replace what is stored under its number; its embed hash stays."""
    return Write("upsertPR", (repo_id, pr))


def upsert_prs(repo_id: int, prs: Sequence[PRInput]) -> Write:
    """Store many pull requests at once, as `upsertPR` does."""
    return Write("upsertPRs", (repo_id, prs))


def update_pr_etag(id: int, github_etag: str | None) -> Write:
    """Store the ETag of a pull request's diff."""
    return Write("updatePREtag", (id, github_etag))


def update_pr_embed_hash(id: int, embed_hash: str | None) -> Write:
    """Record which content of a pull request is embedded."""
    return Write("updatePREmbedHash", (id, embed_hash))


def insert_dupe_group(scan_id: int, repo_id: int, label: str | None, pr_count: int) -> Write:
    """Store a group of duplicates."""
    return Write("insertDupeGroup", (scan_id, repo_id, label, pr_count))


def insert_dupe_group_member(group_id: int, pr_id: int, rank: int, score: float, rationale: str | None) -> Write:
    """Store a member of a group."""
    return Write("insertDupeGroupMember", (group_id, pr_id, rank, score, rationale))


def delete_dupe_groups_by_scan(scan_id: int) -> Write:
    """Delete the groups of a scan, so that a later attempt replaces them."""
    return Write("deleteDupeGroupsByScan", (scan_id,))


def insert_listed_prs(scan_id: int, repo_id: int, full: bool, prs: Sequence[ListedPR]) -> Write:
    """Record a page of the listing; `pending` are those that are new, changed or reopened, or all of them when
    `full`.

    One that is listed already stays as it is.
    """
    return Write("insertListedPRs", (scan_id, repo_id, full, prs))


def mark_prs_read(scan_id: int, numbers: Sequence[int]) -> Write:
    """Record that the files and diffs of listed pull requests have been read."""
    return Write("markPRsRead", (scan_id, numbers))


def close_prs(repo_id: int, states: Sequence[PRStateChange]) -> Write:
    """Set the states of pull requests that are no longer open, and have their vectors deleted."""
    return Write("closePRs", (repo_id, states))


def update_pr_embed_hashes(hashes: Sequence[EmbedHash]) -> Write:
    """Record which content of pull requests is embedded; vectors that are new must not be purged."""
    return Write("updatePREmbedHashes", (hashes,))


def insert_neighbour_edges(scan_id: int, edges: Sequence[NeighbourEdge]) -> Write:
    """Store pairs of near pull requests; a pair found from both ends is stored once."""
    return Write("insertNeighbourEdges", (scan_id, edges))


def insert_candidate_groups(scan_id: int, stage: str, groups: Sequence[CandidateInput]) -> Write:
    """Store groups of a stage (`candidate` or `verified`); one that is stored at a position is replaced."""
    return Write("insertCandidateGroups", (scan_id, stage, groups))


def record_group_error(scan_id: int, stage: str, position: int, error: str) -> Write:
    """Record why a group was skipped."""
    return Write("recordGroupError", (scan_id, stage, position, error))


def insert_batch_answers(scan_id: int, phase: str, answers: Sequence[BatchAnswerInput]) -> Write:
    """Store what a chat model answered in a batch; an answer that is stored for a position is replaced.

    Nothing is stored for a scan that is gone.
    """
    return Write("insertBatchAnswers", (scan_id, phase, answers))


def insert_ranked_group(scan_id: int, repo_id: int, label: str | None, members: Sequence[RankedMember]) -> Write:
    """Store a group of duplicates with its ranked members; members that are no longer stored are left out."""
    return Write("insertRankedGroup", (scan_id, repo_id, label, members))


def clear_scratch(repo_id: int) -> Write:
    """Delete what the phases of a repository's scans handed to each other; why groups were skipped stays."""
    return Write("clearScratch", (repo_id,))


def mark_vector_purges(ids: Sequence[int], begin: bool) -> Write:
    """Count an attempt at purges before its work begins, or forget the attempts of which something was heard."""
    return Write("markVectorPurges", (ids, begin))


def delete_vector_purges(ids: Sequence[int]) -> Write:
    """Forget purges that are done."""
    return Write("deleteVectorPurges", (ids,))


def clear_scans(account_id: int) -> Write:
    """Delete the account's scans with their groups; its repositories and pull requests stay."""
    return Write("clearScans", (account_id,))


def clear_repos(account_id: int) -> Write:
    """Delete the account's repositories with all that belongs to them."""
    return Write("clearRepos", (account_id,))


def reset_all(account_id: int) -> Write:
    """Delete the account with all that belongs to it."""
    return Write("resetAll", (account_id,))


def insert_job(id: str, type: str, payload: JsonObject, max_retries: int, run_after: str | None) -> Write:
    """Put a job into the local queue; under an id that is there, only a job that has ended is queued again."""
    return Write("insertJob", (id, type, payload, max_retries, run_after))


def claim_job(now: str, per_account: int, served: Sequence[int]) -> Write:
    """Take a job that is due, atomically, and count the attempt.

    A scan has one job running at most, and an account `per_account`. Of the accounts that have one waiting, the
    one
    goes first that was served the longest ago: `served` lists them, the last served last. Of an account's jobs,
    the
    oldest goes first.
    """
    return Write("claimJob", (now, per_account, served))


def complete_job(id: str, result: JsonObject | None) -> Write:
    """Mark a job done."""
    return Write("completeJob", (id, result))


def retry_job(id: str, error: str, run_after: str) -> Write:
    """Put a job back into the queue after a failed attempt."""
    return Write("retryJob", (id, error, run_after))


def fail_job(id: str, error: str) -> Write:
    """Mark a job failed for good."""
    return Write("failJob", (id, error))


def pause_job(id: str, run_after: str) -> Write:
    """Set a job aside without counting the attempt, to go on at `run_after`."""
    return Write("pauseJob", (id, run_after))


def recover_running_jobs() -> Write:
    """Put the jobs that were running when the process ended back into the queue."""
    return Write("recoverRunningJobs", ())


def start_batch_poll(name: str, batch_id: str, scan_id: int, step: int, phase: str, next_poll_at: str) -> Write:
    """Begin to poll a batch under a name; for the batch that is being polled, only the step is replaced by a later
    one.

    No row changes when another batch is being polled under the name.
    """
    return Write("startBatchPoll", (name, batch_id, scan_id, step, phase, next_poll_at))


def save_batch_poll(
    name: str, batch_id: str, step: int, polls: int, begun: int, errors: int, ended: bool, next_poll_at: str
) -> Write:
    """Keep how a poller has got on, unless it has been started for another batch, or for a later message."""
    return Write("saveBatchPoll", (name, batch_id, step, polls, begun, errors, ended, next_poll_at))


def delete_batch_poll(name: str, batch_id: str, step: int) -> Write:
    """Forget a poller, unless it has been started for another batch, or for a later message."""
    return Write("deleteBatchPoll", (name, batch_id, step))
