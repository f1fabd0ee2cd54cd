/** What the database stores and returns, and the interface that every database implements. */

/** A JSON object. */
export type JsonObject = { [key: string]: JsonValue };
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** Where a scan is; the phases of jobs.yaml name the status that they run under. */
export type ScanStatus =
  | "queued"
  | "ingesting"
  | "embedding"
  | "clustering"
  | "verifying"
  | "ranking"
  | "done"
  | "failed"
  | "paused";

/** The state of a pull request on GitHub, with merged told apart from closed. */
export type PRState = "open" | "closed" | "merged";

/** Where a job of the local queue is. */
export type JobStatus = "queued" | "running" | "done" | "failed" | "paused";

/** Who answers chat requests. */
export type LlmProvider = "ollama" | "anthropic" | "openai";

/** Who computes embeddings. */
export type EmbeddingProvider = "ollama" | "openai";

/** How far the present phase of a scan is. */
export interface Progress {
  done: number;
  total: number;
  note: string | null;
}

/**
 * How long a step has been failing: since when, how often it was tried, and how many of the tries ended in an error that
 * nobody foresaw.
 *
 * `waited` counts the seconds that it was put off by our own choice, not because the other side asked for it.
 */
export interface Failing {
  since: string;
  tries: number;
  unexpected: number;
  waited: number;
}

/** A pull request as ingest stores it. */
export interface PRInput {
  number: number;
  title: string;
  body: string | null;
  author: string;
  diffHash: string | null;
  filePaths: string[];
  state: PRState;
  githubEtag: string | null;
  createdAt: string;
  updatedAt: string;
}

/** A pull request as the listing shows it. */
export interface ListedPR {
  number: number;
  title: string;
  body: string | null;
  author: string;
  createdAt: string;
  updatedAt: string;
}

/** What became of a pull request that is no longer listed. */
export interface PRStateChange {
  number: number;
  state: PRState;
}

/** Which content of a pull request is embedded. */
export interface EmbedHash {
  id: number;
  embedHash: string;
}

/** Two pull requests whose vectors are near; `pr_id` is the smaller id. */
export interface NeighbourEdge {
  prId: number;
  neighbourId: number;
  signal: string;
  score: number;
}

/** The other end of an edge, with the best score of both signals. */
export interface Neighbour {
  id: number;
  score: number;
}

/** A group on its way through cluster and verify. */
export interface CandidateInput {
  position: number;
  prIds: number[];
  label: string | null;
}

/** What a chat model answered in a batch about the group at a position; `problem` says why the text is not all of it. */
export interface BatchAnswerInput {
  position: number;
  text: string;
  problem: string | null;
  inputTokens: number;
  outputTokens: number;
}

/** A member of a ranked group. */
export interface RankedMember {
  prId: number;
  rank: number;
  score: number;
  rationale: string | null;
}

/** A caller of the API and the services it uses. The API key itself is not stored, only its SHA-256. */
export interface Account {
  id: number;
  label: string | null;
  config: JsonObject;
  createdAt: string;
  updatedAt: string;
}

/** A repository that an account tracks. */
export interface Repo {
  id: number;
  owner: string;
  name: string;
  lastScanAt: string | null;
  createdAt: string;
}

/** A repository with its number of stored pull requests and its active scan, if there is one. */
export interface RepoOverview {
  id: number;
  owner: string;
  name: string;
  lastScanAt: string | null;
  createdAt: string;
  prCount: number;
  activeScanStatus: ScanStatus | null;
  activeScanPrCount: number | null;
  activeScanDupeGroupCount: number | null;
}

/** A pull request as last read from GitHub. */
export interface PR {
  id: number;
  repoId: number;
  number: number;
  title: string;
  body: string | null;
  author: string;
  diffHash: string | null;
  filePaths: string[];
  state: PRState;
  githubEtag: string | null;
  embedHash: string | null;
  createdAt: string;
  updatedAt: string;
}

/** One run of the pipeline over a repository. */
export interface Scan {
  id: number;
  repoId: number;
  status: ScanStatus;
  phaseCursor: JsonObject | null;
  prCount: number;
  dupeGroupCount: number;
  inputTokens: number;
  outputTokens: number;
  startedAt: string;
  completedAt: string | null;
  error: string | null;
  progress: Progress | null;
}

/** A group of pull requests that do the same thing, found by one scan. */
export interface DupeGroup {
  id: number;
  scanId: number;
  repoId: number;
  label: string | null;
  prCount: number;
}

/** A pull request in a group, with its rank; rank 1 is the one to merge. */
export interface DupeGroupMember {
  id: number;
  groupId: number;
  prId: number;
  rank: number;
  score: number;
  rationale: string | null;
}

/** A row of the duplicates report; everything after `repo_id` is null where there is no scan, group or member. */
export interface DupeRow {
  repoId: number;
  scanId: number | null;
  completedAt: string | null;
  groupId: number | null;
  label: string | null;
  prCount: number | null;
  prId: number | null;
  prNumber: number | null;
  title: string | null;
  author: string | null;
  state: PRState | null;
  rank: number | null;
  score: number | null;
  rationale: string | null;
}

/**
 * A row of the review of one pull request (`this`): the groups of the latest completed scan that it is in.
 *
 * What is not there, `this` included, is null.
 */
export interface ReviewRow {
  repoId: number;
  scanId: number | null;
  thisId: number | null;
  thisTitle: string | null;
  thisAuthor: string | null;
  thisState: PRState | null;
  thisEmbedHash: string | null;
  groupId: number | null;
  label: string | null;
  prCount: number | null;
  prId: number | null;
  prNumber: number | null;
  title: string | null;
  author: string | null;
  state: PRState | null;
  rank: number | null;
  score: number | null;
  rationale: string | null;
}

/** All that the runner needs to handle one message of a scan, in one row. */
export interface ScanMessage {
  scanId: number;
  step: number;
  phase: string;
  dueAt: string;
  begun: number;
  failing: Failing | null;
  status: ScanStatus;
  phaseCursor: JsonObject | null;
  repoId: number;
  accountId: number;
  owner: string;
  name: string;
  config: JsonObject;
  nextStep: number | null;
  nextPhase: string | null;
  nextDueAt: string | null;
  nextSentAt: string | null;
  nextBatchId: string | null;
}

/** A message of a scan as the outbox and the sweep see it. */
export interface ScanStep {
  scanId: number;
  step: number;
  phase: string;
  dueAt: string;
  sentAt: string | null;
  batchId: string | null;
  batchExpiresAt: string | null;
  failing: Failing | null;
}

/** A listed pull request whose files and diff are to be read, with what is stored of it. */
export interface PendingPR {
  number: number;
  title: string;
  body: string | null;
  author: string;
  createdAt: string;
  updatedAt: string;
  diffHash: string | null;
  githubEtag: string | null;
}

/** How many pull requests a scan has listed, and how many of them are still to be read. */
export interface ListedCounts {
  listed: number;
  pending: number;
}

/** What the cluster phase needs of a pull request. */
export interface PRKey {
  id: number;
  number: number;
  diffHash: string | null;
}

/** The neighbours of a pull request with larger ids. */
export interface NeighbourList {
  prId: number;
  neighbours: Neighbour[];
}

/** A group on its way through cluster and verify. */
export interface CandidateGroup {
  position: number;
  prIds: number[];
  label: string | null;
  error: string | null;
}

/** What a chat model answered in a batch about the group at a position. */
export interface BatchAnswer {
  position: number;
  text: string;
  problem: string | null;
  inputTokens: number;
  outputTokens: number;
}

/**
 * What a poller keeps: the batch, the message that waits for it, and how often it has polled.
 *
 * `errors` counts those in a row, `begun` polls of which nothing was heard; `ended` says that the batch has, and only the
 * message is still to be sent.
 */
export interface BatchPoll {
  batchId: string;
  scanId: number;
  step: number;
  phase: string;
  polls: number;
  begun: number;
  errors: number;
  ended: boolean;
}

/** When a poller of the local host is to poll. */
export interface DueBatchPoll {
  name: string;
  nextPollAt: string;
}

/** A pull request whose vectors are to be deleted, and the server that they are on, when it is not the host's own. */
export interface VectorPurge {
  id: number;
  repoId: number;
  number: number;
  vectorStore: JsonObject | null;
  begun: number;
}

/** A job of the local queue. */
export interface Job {
  id: string;
  type: string;
  payload: JsonObject;
  status: JobStatus;
  result: JsonObject | null;
  error: string | null;
  attempts: number;
  maxRetries: number;
  runAfter: string | null;
  createdAt: string;
  updatedAt: string;
}

/** What to change; an absent key stays as it is. */
export interface UpdateAccountConfigChanges {
  label?: string | null;
}

/** What to change; an absent key stays as it is. */
export interface UpdateScanStatusChanges {
  error?: string | null;
  completedAt?: string | null;
  phaseCursor?: JsonObject | null;
  progress?: Progress | null;
  prCount?: number;
  dupeGroupCount?: number;
}

/** A call of the database method `method` that waits to be committed with others by `IDatabase.batch`. */
export interface Write {
  method: string;
  parameters: readonly unknown[];
}

/**
 * The database. Every method is asynchronous, whatever the implementation; those of an account take its id first and see
 * only its rows. They reject with `ConstraintError` when a constraint refuses a write.
 */
export interface IDatabase {
  /** Commit writes in order as one transaction: all of them or none. */
  batch(writes: readonly Write[]): Promise<void>;
  /** Store a new account under the SHA-256 (hex) of its API key. */
  createAccount(apiKeyHash: string, label: string | null, config: JsonObject): Promise<Account>;
  /** The account whose API key has this SHA-256 (hex). */
  getAccountByApiKey(apiKeyHash: string): Promise<Account | null>;
  /** The account itself. */
  getAccount(accountId: number): Promise<Account | null>;
  /** Replace the account's configuration; the label only when the patch holds one. */
  updateAccountConfig(accountId: number, config: JsonObject, changes: UpdateAccountConfigChanges): Promise<number>;
  /** Forget which pull requests are embedded, since their vectors no longer fit the account's configuration. */
  clearEmbedHashes(accountId: number): Promise<number>;
  /** Forget which pull requests of a repository are embedded, so that all of them will be. */
  clearRepoEmbedHashes(accountId: number, repoId: number): Promise<number>;
  /** Forget every account's embed hashes, since a shared collection had to be recreated. */
  clearAllEmbedHashes(): Promise<number>;
  /** Track a repository; null when it is tracked already. */
  insertRepo(accountId: number, owner: string, name: string): Promise<Repo | null>;
  /** A tracked repository by id. */
  getRepo(accountId: number, id: number): Promise<Repo | null>;
  /** A tracked repository by owner and name. */
  getRepoByOwnerName(accountId: number, owner: string, name: string): Promise<Repo | null>;
  /** The account's repositories with their pull request counts and active scans, ordered by id. */
  listRepos(accountId: number): Promise<RepoOverview[]>;
  /** Stop tracking a repository, and delete its pull requests, scans, groups and vectors. */
  deleteRepo(accountId: number, id: number): Promise<number>;
  /** Record when the last completed scan of a repository ended. */
  updateRepoLastScanAt(id: number, lastScanAt: string): Promise<number>;
  /**
   * Track the repository if it is new, create a scan and put its first message into the outbox.
   *
   * Null when a scan of the repository is already active.
   */
  startScan(
    accountId: number,
    owner: string,
    name: string,
    options: JsonObject,
    phase: string,
    dueAt: string,
  ): Promise<Scan | null>;
  /** Create a scan of a tracked repository; null when one is active or the repository is not the account's. */
  createScan(accountId: number, repoId: number): Promise<Scan | null>;
  /** A scan by id. */
  getScan(accountId: number, id: number): Promise<Scan | null>;
  /** The scan of a repository that has neither completed nor failed. */
  getActiveScan(accountId: number, repoId: number): Promise<Scan | null>;
  /** The newest completed scan of a repository. */
  getLatestCompletedScan(accountId: number, repoId: number): Promise<Scan | null>;
  /** Set a scan's status and whatever else the patch holds. */
  updateScanStatus(id: number, status: ScanStatus, changes: UpdateScanStatusChanges): Promise<number>;
  /** Add the tokens that a slice used to the scan's counts. */
  addScanTokens(id: number, inputTokens: number, outputTokens: number): Promise<number>;
  /** Mark a scan failed unless it has ended already. */
  failScan(id: number, error: string, completedAt: string): Promise<number>;
  /** Message `step` of a scan with what the runner needs to handle it; null when there is no such message. */
  getScanMessage(scanId: number, step: number): Promise<ScanMessage | null>;
  /**
   * Count an attempt at a step before its work begins, and read the message as `getScanMessage` does.
   *
   * Nothing is counted when the step is taken already or not due yet, when the scan has ended, or when an attempt has begun
   * after `at_once`: that is another delivery, and not dead, or this very call, sent twice.
   */
  beginStep(scanId: number, step: number, now: string, atOnce: string): Promise<ScanMessage | null>;
  /**
   * Put a step off until `due_at` after an error that may pass, its message back into the outbox, and tell the scan's user.
   *
   * The attempt has told an error, so it no longer counts as one of which nothing was heard. A message that waited for a
   * provider's batch has got what it waited for. No row changes when the step is taken already or the scan has ended.
   */
  putOffStep(scanId: number, step: number, dueAt: string, failing: Failing, note: string): Promise<number>;
  /** Uncount an attempt at a step that was broken off through no fault of its own. */
  excuseStep(scanId: number, step: number): Promise<number>;
  /**
   * Commit that a step's work is done, by inserting the message that follows it; always the first write of a batch.
   *
   * The message may wait for a provider's batch. Fails, and with it the batch of writes, when the step is taken already or
   * the scan has ended or is gone.
   */
  takeStep(
    scanId: number,
    nextStep: number,
    nextPhase: string | null,
    dueAt: string,
    batchId: string | null,
    batchExpiresAt: string | null,
  ): Promise<void>;
  /** Record that a message has left the outbox. */
  markStepSent(scanId: number, step: number, sentAt: string): Promise<number>;
  /**
   * Begin to submit the batch of a step, if no attempt at it has before, or with `stale_at` if none has after that.
   *
   * No row changes when another attempt may be at it.
   */
  claimSubmission(scanId: number, step: number, submittingAt: string, staleAt: string | null): Promise<number>;
  /** Record that no batch of a step has been submitted, since the provider has refused it. */
  forgetSubmission(scanId: number, step: number): Promise<number>;
  /** Record when the batch that a message waited for ended; from then on, the message is to be answered. */
  markBatchEnded(scanId: number, step: number, endedAt: string): Promise<number>;
  /**
   * The last message of each active scan that is due and unsent since :unsent_before, or unanswered since :sent_before.
   *
   * One that waits for a batch is due when the batch has ended or expired. The oldest first, `limit` at most.
   */
  listStalledSteps(unsentBefore: string, sentBefore: string, limit: number): Promise<ScanStep[]>;
  /** Store a pull request, or replace what is stored under its number; its embed hash stays. */
  upsertPR(repoId: number, pr: PRInput): Promise<PR>;
  /** Store many pull requests at once, as `upsertPR` does. */
  upsertPRs(repoId: number, prs: PRInput[]): Promise<number>;
  /** A pull request by id. */
  getPR(accountId: number, id: number): Promise<PR | null>;
  /** A pull request by its number in a repository. */
  getPRByNumber(accountId: number, repoId: number, number: number): Promise<PR | null>;
  /** The pull requests with these ids, ordered by id; unknown ids are left out. */
  getPRsByIds(accountId: number, ids: number[]): Promise<PR[]>;
  /** The pull requests of a repository with these numbers, ordered by number; unknown numbers are left out. */
  getPRsByNumbers(accountId: number, repoId: number, numbers: number[]): Promise<PR[]>;
  /** The open pull requests of a repository, ordered by number. */
  listOpenPRs(accountId: number, repoId: number): Promise<PR[]>;
  /** The number of stored pull requests of a repository. */
  countPRs(accountId: number, repoId: number): Promise<number>;
  /** The number of open pull requests of a repository. */
  countOpenPRs(accountId: number, repoId: number): Promise<number>;
  /** Store the ETag of a pull request's diff. */
  updatePREtag(id: number, githubEtag: string | null): Promise<number>;
  /** Record which content of a pull request is embedded. */
  updatePREmbedHash(id: number, embedHash: string | null): Promise<number>;
  /** Store a group of duplicates. */
  insertDupeGroup(scanId: number, repoId: number, label: string | null, prCount: number): Promise<DupeGroup>;
  /** Store a member of a group. */
  insertDupeGroupMember(
    groupId: number,
    prId: number,
    rank: number,
    score: number,
    rationale: string | null,
  ): Promise<DupeGroupMember>;
  /** The groups of a scan, ordered by id. */
  listDupeGroups(accountId: number, scanId: number): Promise<DupeGroup[]>;
  /** The members of a group, best first. */
  listDupeGroupMembers(accountId: number, groupId: number): Promise<DupeGroupMember[]>;
  /** The groups of a scan that hold a pull request, ordered by id. */
  findDupeGroupsByPR(accountId: number, scanId: number, prId: number): Promise<DupeGroup[]>;
  /**
   * The latest completed scan of a repository with its groups and their members, in one list of rows.
   *
   * No row when the repository is not tracked; one row with nulls when it has no completed scan or no groups.
   */
  listDupes(accountId: number, owner: string, name: string): Promise<DupeRow[]>;
  /**
   * A pull request with the groups of the latest completed scan that it is in, in one list of rows.
   *
   * No row when the repository is not tracked.
   */
  listReview(accountId: number, owner: string, name: string, number: number): Promise<ReviewRow[]>;
  /** Delete the groups of a scan, so that a later attempt replaces them. */
  deleteDupeGroupsByScan(scanId: number): Promise<number>;
  /**
   * Record a page of the listing; `pending` are those that are new, changed or reopened, or all of them when `full`.
   *
   * One that is listed already stays as it is.
   */
  insertListedPRs(scanId: number, repoId: number, full: boolean, prs: ListedPR[]): Promise<number>;
  /** How many pull requests a scan has listed, and how many of them are still to be read. */
  countListedPRs(scanId: number): Promise<ListedCounts>;
  /** The listed pull requests that are still to be read, with a larger number than `after_number`, by number. */
  listPendingPRs(scanId: number, repoId: number, afterNumber: number, limit: number): Promise<PendingPR[]>;
  /** Record that the files and diffs of listed pull requests have been read. */
  markPRsRead(scanId: number, numbers: number[]): Promise<number>;
  /** The numbers above `after_number` of the open pull requests that are stored but not listed, in order. */
  listUnlistedPRs(scanId: number, repoId: number, afterNumber: number, limit: number): Promise<number[]>;
  /** Set the states of pull requests that are no longer open, and have their vectors deleted. */
  closePRs(repoId: number, states: PRStateChange[]): Promise<number>;
  /** The open pull requests with a larger number than `after_number`, by number. */
  listOpenPRsAfter(accountId: number, repoId: number, afterNumber: number, limit: number): Promise<PR[]>;
  /** Record which content of pull requests is embedded; vectors that are new must not be purged. */
  updatePREmbedHashes(hashes: EmbedHash[]): Promise<number>;
  /** The ids, numbers and diff hashes of the open pull requests with a larger number than `after_number`, by number. */
  listOpenPRKeys(accountId: number, repoId: number, afterNumber: number, limit: number): Promise<PRKey[]>;
  /** Store pairs of near pull requests; a pair found from both ends is stored once. */
  insertNeighbourEdges(scanId: number, edges: NeighbourEdge[]): Promise<number>;
  /** Every pair of near pull requests of a scan, by the smaller id. */
  listNeighbours(scanId: number): Promise<NeighbourList[]>;
  /** Store groups of a stage (`candidate` or `verified`); one that is stored at a position is replaced. */
  insertCandidateGroups(scanId: number, stage: string, groups: CandidateInput[]): Promise<number>;
  /** The groups of a stage with a larger position than `after_position`, in order. */
  listCandidateGroups(scanId: number, stage: string, afterPosition: number, limit: number): Promise<CandidateGroup[]>;
  /** The number of groups of a stage. */
  countCandidateGroups(scanId: number, stage: string): Promise<number>;
  /** Record why a group was skipped. */
  recordGroupError(scanId: number, stage: string, position: number, error: string): Promise<number>;
  /**
   * Store what a chat model answered in a batch; an answer that is stored for a position is replaced.
   *
   * Nothing is stored for a scan that is gone.
   */
  insertBatchAnswers(scanId: number, phase: string, answers: BatchAnswerInput[]): Promise<number>;
  /** The answers from `first` to `last` position that a phase has got in batches, by position. */
  listBatchAnswers(scanId: number, phase: string, first: number, last: number): Promise<BatchAnswer[]>;
  /** Store a group of duplicates with its ranked members; members that are no longer stored are left out. */
  insertRankedGroup(scanId: number, repoId: number, label: string | null, members: RankedMember[]): Promise<number>;
  /** The number of groups that a scan has stored. */
  countDupeGroups(scanId: number): Promise<number>;
  /** Delete what the phases of a repository's scans handed to each other; why groups were skipped stays. */
  clearScratch(repoId: number): Promise<number>;
  /** Pull requests whose vectors are to be deleted, those with a larger id than `after_id`, by id. */
  listVectorPurges(afterId: number, limit: number): Promise<VectorPurge[]>;
  /** Count an attempt at purges before its work begins, or forget the attempts of which something was heard. */
  markVectorPurges(ids: number[], begin: boolean): Promise<number>;
  /** Forget purges that are done. */
  deleteVectorPurges(ids: number[]): Promise<number>;
  /** Delete the account's scans with their groups; its repositories and pull requests stay. */
  clearScans(accountId: number): Promise<number>;
  /** Delete the account's repositories with all that belongs to them. */
  clearRepos(accountId: number): Promise<number>;
  /** Delete the account with all that belongs to it. */
  resetAll(accountId: number): Promise<number>;
  /** Put a job into the local queue; under an id that is there, only a job that has ended is queued again. */
  insertJob(
    id: string,
    type: string,
    payload: JsonObject,
    maxRetries: number,
    runAfter: string | null,
  ): Promise<number>;
  /** A job of the local queue. */
  getJob(id: string): Promise<Job | null>;
  /**
   * Take a job that is due, atomically, and count the attempt.
   *
   * A scan has one job running at most, and an account `per_account`. Of the accounts that have one waiting, the one
   * goes first that was served the longest ago: `served` lists them, the last served last. Of an account's jobs, the
   * oldest goes first.
   */
  claimJob(now: string, perAccount: number, served: number[]): Promise<Job | null>;
  /** The account whose scan a job works for; null when it works for none. */
  getJobAccount(id: string): Promise<number | null>;
  /** Mark a job done. */
  completeJob(id: string, result: JsonObject | null): Promise<number>;
  /** Put a job back into the queue after a failed attempt. */
  retryJob(id: string, error: string, runAfter: string): Promise<number>;
  /** Mark a job failed for good. */
  failJob(id: string, error: string): Promise<number>;
  /** Set a job aside without counting the attempt, to go on at `run_after`. */
  pauseJob(id: string, runAfter: string): Promise<number>;
  /** Put the jobs that were running when the process ended back into the queue. */
  recoverRunningJobs(): Promise<number>;
  /** When the next of the queued jobs becomes due that are not due yet; null when there is none. */
  nextJobAt(now: string): Promise<string | null>;
  /**
   * Begin to poll a batch under a name; for the batch that is being polled, only the step is replaced by a later one.
   *
   * No row changes when another batch is being polled under the name.
   */
  startBatchPoll(
    name: string,
    batchId: string,
    scanId: number,
    step: number,
    phase: string,
    nextPollAt: string,
  ): Promise<number>;
  /** What a poller has kept. */
  getBatchPoll(name: string): Promise<BatchPoll | null>;
  /** Keep how a poller has got on, unless it has been started for another batch, or for a later message. */
  saveBatchPoll(
    name: string,
    batchId: string,
    step: number,
    polls: number,
    begun: number,
    errors: number,
    ended: boolean,
    nextPollAt: string,
  ): Promise<number>;
  /** Forget a poller, unless it has been started for another batch, or for a later message. */
  deleteBatchPoll(name: string, batchId: string, step: number): Promise<number>;
  /** The pollers that are to poll next, the first ones first. */
  listBatchPolls(limit: number): Promise<DueBatchPoll[]>;
}
