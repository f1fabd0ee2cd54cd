/** Writes to be committed together by `IDatabase.batch`. */

import type {
  BatchAnswerInput,
  CandidateInput,
  EmbedHash,
  Failing,
  JsonObject,
  ListedPR,
  NeighbourEdge,
  PRInput,
  PRStateChange,
  RankedMember,
  ScanStatus,
  UpdateAccountConfigChanges,
  UpdateScanStatusChanges,
  Write,
} from "./types.ts";

/** Store a new account under the SHA-256 (hex) of its API key. */
export function createAccount(apiKeyHash: string, label: string | null, config: JsonObject): Write {
  return { method: "createAccount", parameters: [apiKeyHash, label, config] };
}

/** Replace the account's configuration; the label only when the patch holds one. */
export function updateAccountConfig(accountId: number, config: JsonObject, changes: UpdateAccountConfigChanges): Write {
  return { method: "updateAccountConfig", parameters: [accountId, config, changes] };
}

/** Forget which pull requests are embedded, since their vectors no longer fit the account's configuration. */
export function clearEmbedHashes(accountId: number): Write {
  return { method: "clearEmbedHashes", parameters: [accountId] };
}

/** Forget which pull requests of a repository are embedded, so that all of them will be. */
export function clearRepoEmbedHashes(accountId: number, repoId: number): Write {
  return { method: "clearRepoEmbedHashes", parameters: [accountId, repoId] };
}

/** Forget every account's embed hashes, since a shared collection had to be recreated. */
export function clearAllEmbedHashes(): Write {
  return { method: "clearAllEmbedHashes", parameters: [] };
}

/** Track a repository; null when it is tracked already. */
export function insertRepo(accountId: number, owner: string, name: string): Write {
  return { method: "insertRepo", parameters: [accountId, owner, name] };
}

/** Stop tracking a repository, and delete its pull requests, scans, groups and vectors. */
export function deleteRepo(accountId: number, id: number): Write {
  return { method: "deleteRepo", parameters: [accountId, id] };
}

/** Record when the last completed scan of a repository ended. */
export function updateRepoLastScanAt(id: number, lastScanAt: string): Write {
  return { method: "updateRepoLastScanAt", parameters: [id, lastScanAt] };
}

/**
 * Track the repository if it is new, create a scan and put its first message into the outbox.
 *
 * Null when a scan of the repository is already active.
 */
export function startScan(
  accountId: number,
  owner: string,
  name: string,
  options: JsonObject,
  phase: string,
  dueAt: string,
): Write {
  return { method: "startScan", parameters: [accountId, owner, name, options, phase, dueAt] };
}

/** Create a scan of a tracked repository; null when one is active or the repository is not the account's. */
export function createScan(accountId: number, repoId: number): Write {
  return { method: "createScan", parameters: [accountId, repoId] };
}

/** Set a scan's status and whatever else the patch holds. */
export function updateScanStatus(id: number, status: ScanStatus, changes: UpdateScanStatusChanges): Write {
  return { method: "updateScanStatus", parameters: [id, status, changes] };
}

/** Add the tokens that a slice used to the scan's counts. */
export function addScanTokens(id: number, inputTokens: number, outputTokens: number): Write {
  return { method: "addScanTokens", parameters: [id, inputTokens, outputTokens] };
}

/** Mark a scan failed unless it has ended already. */
export function failScan(id: number, error: string, completedAt: string): Write {
  return { method: "failScan", parameters: [id, error, completedAt] };
}

/**
 * Count an attempt at a step before its work begins, and read the message as `getScanMessage` does.
 *
 * Nothing is counted when the step is taken already or not due yet, when the scan has ended, or when an attempt has begun
 * after `at_once`: that is another delivery, and not dead, or this very call, sent twice.
 */
export function beginStep(scanId: number, step: number, now: string, atOnce: string): Write {
  return { method: "beginStep", parameters: [scanId, step, now, atOnce] };
}

/**
 * Put a step off until `due_at` after an error that may pass, its message back into the outbox, and tell the scan's user.
 *
 * The attempt has told an error, so it no longer counts as one of which nothing was heard. A message that waited for a
 * provider's batch has got what it waited for. No row changes when the step is taken already or the scan has ended.
 */
export function putOffStep(scanId: number, step: number, dueAt: string, failing: Failing, note: string): Write {
  return { method: "putOffStep", parameters: [scanId, step, dueAt, failing, note] };
}

/** Uncount an attempt at a step that was broken off through no fault of its own. */
export function excuseStep(scanId: number, step: number): Write {
  return { method: "excuseStep", parameters: [scanId, step] };
}

/**
 * Commit that a step's work is done, by inserting the message that follows it; always the first write of a batch.
 *
 * The message may wait for a provider's batch. Fails, and with it the batch of writes, when the step is taken already or
 * the scan has ended or is gone.
 */
export function takeStep(
  scanId: number,
  nextStep: number,
  nextPhase: string | null,
  dueAt: string,
  batchId: string | null,
  batchExpiresAt: string | null,
): Write {
  return { method: "takeStep", parameters: [scanId, nextStep, nextPhase, dueAt, batchId, batchExpiresAt] };
}

/** Record that a message has left the outbox. */
export function markStepSent(scanId: number, step: number, sentAt: string): Write {
  return { method: "markStepSent", parameters: [scanId, step, sentAt] };
}

/**
 * Begin to submit the batch of a step, if no attempt at it has before, or with `stale_at` if none has after that.
 *
 * No row changes when another attempt may be at it.
 */
export function claimSubmission(scanId: number, step: number, submittingAt: string, staleAt: string | null): Write {
  return { method: "claimSubmission", parameters: [scanId, step, submittingAt, staleAt] };
}

/** Record that no batch of a step has been submitted, since the provider has refused it. */
export function forgetSubmission(scanId: number, step: number): Write {
  return { method: "forgetSubmission", parameters: [scanId, step] };
}

/** Record when the batch that a message waited for ended; from then on, the message is to be answered. */
export function markBatchEnded(scanId: number, step: number, endedAt: string): Write {
  return { method: "markBatchEnded", parameters: [scanId, step, endedAt] };
}

/** Store a pull request, or replace what is stored under its number; its embed hash stays. */
export function upsertPR(repoId: number, pr: PRInput): Write {
  return { method: "upsertPR", parameters: [repoId, pr] };
}

/** Store many pull requests at once, as `upsertPR` does. */
export function upsertPRs(repoId: number, prs: PRInput[]): Write {
  return { method: "upsertPRs", parameters: [repoId, prs] };
}

/** Store the ETag of a pull request's diff. */
export function updatePREtag(id: number, githubEtag: string | null): Write {
  return { method: "updatePREtag", parameters: [id, githubEtag] };
}

/** Record which content of a pull request is embedded. */
export function updatePREmbedHash(id: number, embedHash: string | null): Write {
  return { method: "updatePREmbedHash", parameters: [id, embedHash] };
}

/** Store a group of duplicates. */
export function insertDupeGroup(scanId: number, repoId: number, label: string | null, prCount: number): Write {
  return { method: "insertDupeGroup", parameters: [scanId, repoId, label, prCount] };
}

/** Store a member of a group. */
export function insertDupeGroupMember(
  groupId: number,
  prId: number,
  rank: number,
  score: number,
  rationale: string | null,
): Write {
  return { method: "insertDupeGroupMember", parameters: [groupId, prId, rank, score, rationale] };
}

/** Delete the groups of a scan, so that a later attempt replaces them. */
export function deleteDupeGroupsByScan(scanId: number): Write {
  return { method: "deleteDupeGroupsByScan", parameters: [scanId] };
}

/**
 * Record a page of the listing; `pending` are those that are new, changed or reopened, or all of them when `full`.
 *
 * One that is listed already stays as it is.
 */
export function insertListedPRs(scanId: number, repoId: number, full: boolean, prs: ListedPR[]): Write {
  return { method: "insertListedPRs", parameters: [scanId, repoId, full, prs] };
}

/** Record that the files and diffs of listed pull requests have been read. */
export function markPRsRead(scanId: number, numbers: number[]): Write {
  return { method: "markPRsRead", parameters: [scanId, numbers] };
}

/** Set the states of pull requests that are no longer open, and have their vectors deleted. */
export function closePRs(repoId: number, states: PRStateChange[]): Write {
  return { method: "closePRs", parameters: [repoId, states] };
}

/** Record which content of pull requests is embedded; vectors that are new must not be purged. */
export function updatePREmbedHashes(hashes: EmbedHash[]): Write {
  return { method: "updatePREmbedHashes", parameters: [hashes] };
}

/** Store pairs of near pull requests; a pair found from both ends is stored once. */
export function insertNeighbourEdges(scanId: number, edges: NeighbourEdge[]): Write {
  return { method: "insertNeighbourEdges", parameters: [scanId, edges] };
}

/** Store groups of a stage (`candidate` or `verified`); one that is stored at a position is replaced. */
export function insertCandidateGroups(scanId: number, stage: string, groups: CandidateInput[]): Write {
  return { method: "insertCandidateGroups", parameters: [scanId, stage, groups] };
}

/** Record why a group was skipped. */
export function recordGroupError(scanId: number, stage: string, position: number, error: string): Write {
  return { method: "recordGroupError", parameters: [scanId, stage, position, error] };
}

/**
 * Store what a chat model answered in a batch; an answer that is stored for a position is replaced.
 *
 * Nothing is stored for a scan that is gone.
 */
export function insertBatchAnswers(scanId: number, phase: string, answers: BatchAnswerInput[]): Write {
  return { method: "insertBatchAnswers", parameters: [scanId, phase, answers] };
}

/** Store a group of duplicates with its ranked members; members that are no longer stored are left out. */
export function insertRankedGroup(
  scanId: number,
  repoId: number,
  label: string | null,
  members: RankedMember[],
): Write {
  return { method: "insertRankedGroup", parameters: [scanId, repoId, label, members] };
}

/** Delete what the phases of a repository's scans handed to each other; why groups were skipped stays. */
export function clearScratch(repoId: number): Write {
  return { method: "clearScratch", parameters: [repoId] };
}

/** Count an attempt at purges before its work begins, or forget the attempts of which something was heard. */
export function markVectorPurges(ids: number[], begin: boolean): Write {
  return { method: "markVectorPurges", parameters: [ids, begin] };
}

/** Forget purges that are done. */
export function deleteVectorPurges(ids: number[]): Write {
  return { method: "deleteVectorPurges", parameters: [ids] };
}

/** Delete the account's scans with their groups; its repositories and pull requests stay. */
export function clearScans(accountId: number): Write {
  return { method: "clearScans", parameters: [accountId] };
}

/** Delete the account's repositories with all that belongs to them. */
export function clearRepos(accountId: number): Write {
  return { method: "clearRepos", parameters: [accountId] };
}

/** Delete the account with all that belongs to it. */
export function resetAll(accountId: number): Write {
  return { method: "resetAll", parameters: [accountId] };
}

/** Put a job into the local queue; under an id that is there, only a job that has ended is queued again. */
export function insertJob(
  id: string,
  type: string,
  payload: JsonObject,
  maxRetries: number,
  runAfter: string | null,
): Write {
  return { method: "insertJob", parameters: [id, type, payload, maxRetries, runAfter] };
}

/**
 * Take a job that is due, atomically, and count the attempt.
 *
 * A scan has one job running at most, and an account `per_account`. Of the accounts that have one waiting, the one
 * goes first that was served the longest ago: `served` lists them, the last served last. Of an account's jobs, the
 * oldest goes first.
 */
export function claimJob(now: string, perAccount: number, served: number[]): Write {
  return { method: "claimJob", parameters: [now, perAccount, served] };
}

/** Mark a job done. */
export function completeJob(id: string, result: JsonObject | null): Write {
  return { method: "completeJob", parameters: [id, result] };
}

/** Put a job back into the queue after a failed attempt. */
export function retryJob(id: string, error: string, runAfter: string): Write {
  return { method: "retryJob", parameters: [id, error, runAfter] };
}

/** Mark a job failed for good. */
export function failJob(id: string, error: string): Write {
  return { method: "failJob", parameters: [id, error] };
}

/** Set a job aside without counting the attempt, to go on at `run_after`. */
export function pauseJob(id: string, runAfter: string): Write {
  return { method: "pauseJob", parameters: [id, runAfter] };
}

/** Put the jobs that were running when the process ended back into the queue. */
export function recoverRunningJobs(): Write {
  return { method: "recoverRunningJobs", parameters: [] };
}

/**
 * Begin to poll a batch under a name; for the batch that is being polled, only the step is replaced by a later one.
 *
 * No row changes when another batch is being polled under the name.
 */
export function startBatchPoll(
  name: string,
  batchId: string,
  scanId: number,
  step: number,
  phase: string,
  nextPollAt: string,
): Write {
  return { method: "startBatchPoll", parameters: [name, batchId, scanId, step, phase, nextPollAt] };
}

/** Keep how a poller has got on, unless it has been started for another batch, or for a later message. */
export function saveBatchPoll(
  name: string,
  batchId: string,
  step: number,
  polls: number,
  begun: number,
  errors: number,
  ended: boolean,
  nextPollAt: string,
): Write {
  return { method: "saveBatchPoll", parameters: [name, batchId, step, polls, begun, errors, ended, nextPollAt] };
}

/** Forget a poller, unless it has been started for another batch, or for a later message. */
export function deleteBatchPoll(name: string, batchId: string, step: number): Write {
  return { method: "deleteBatchPoll", parameters: [name, batchId, step] };
}
