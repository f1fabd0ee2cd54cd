/** The database over `bun:sqlite`. */

import type { Database } from "bun:sqlite";
import {
  ADD_SCAN_TOKENS,
  CLAIM_JOB,
  CLEAR_ALL_EMBED_HASHES,
  CLEAR_EMBED_HASHES,
  CLEAR_REPOS,
  CLEAR_SCANS,
  COMPLETE_JOB,
  COUNT_PRS,
  CREATE_ACCOUNT,
  CREATE_SCAN,
  DELETE_DUPE_GROUPS_BY_SCAN,
  DELETE_REPO,
  FAIL_JOB,
  FAIL_SCAN,
  FIND_DUPE_GROUPS_BY_PR,
  GET_ACCOUNT,
  GET_ACCOUNT_BY_API_KEY,
  GET_ACTIVE_SCAN,
  GET_JOB,
  GET_LATEST_COMPLETED_SCAN,
  GET_PR,
  GET_PR_BY_NUMBER,
  GET_PRS_BY_IDS,
  GET_PRS_BY_NUMBERS,
  GET_REPO,
  GET_REPO_BY_OWNER_NAME,
  GET_SCAN,
  GET_SCAN_MESSAGE,
  INSERT_DUPE_GROUP,
  INSERT_DUPE_GROUP_MEMBER,
  INSERT_JOB,
  INSERT_REPO,
  LIST_DUPE_GROUP_MEMBERS,
  LIST_DUPE_GROUPS,
  LIST_DUPES,
  LIST_OPEN_PRS,
  LIST_REPOS,
  LIST_STALLED_STEPS,
  MARK_STEP_SENT,
  NEXT_JOB_AT,
  PAUSE_JOB,
  RECOVER_RUNNING_JOBS,
  RESET_ALL,
  RETRY_JOB,
  START_SCAN,
  TAKE_STEP,
  UPDATE_ACCOUNT_CONFIG,
  UPDATE_PR_EMBED_HASH,
  UPDATE_PR_ETAG,
  UPDATE_REPO_LAST_SCAN_AT,
  UPDATE_SCAN_STATUS,
  UPSERT_PR,
  UPSERT_PRS,
  WRITES,
} from "./queries.ts";
import {
  toAccount,
  toDupeGroup,
  toDupeGroupMember,
  toDupeRow,
  toJob,
  toPR,
  toRepo,
  toRepoOverview,
  toScan,
  toScanMessage,
  toScanStep,
} from "./rows.ts";
import { SqlMethods } from "./sql-methods.ts";
import type {
  Account,
  DupeGroup,
  DupeGroupMember,
  DupeRow,
  IDatabase,
  Job,
  JsonObject,
  PR,
  PRInput,
  Repo,
  RepoOverview,
  Scan,
  ScanMessage,
  ScanStatus,
  ScanStep,
  UpdateAccountConfigChanges,
  UpdateScanStatusChanges,
} from "./types.ts";

/** Implements `IDatabase`; see there for what the methods do. */
export class BunDatabase extends SqlMethods implements IDatabase {
  /** @param database an open database whose migrations are applied. */
  constructor(database: Database) {
    super(database, WRITES);
  }

  async createAccount(apiKeyHash: string, label: string | null, config: JsonObject): Promise<Account> {
    return this.one(CREATE_ACCOUNT, [apiKeyHash, label, config], toAccount);
  }

  async getAccountByApiKey(apiKeyHash: string): Promise<Account | null> {
    return this.first(GET_ACCOUNT_BY_API_KEY, [apiKeyHash], toAccount);
  }

  async getAccount(accountId: number): Promise<Account | null> {
    return this.first(GET_ACCOUNT, [accountId], toAccount);
  }

  async updateAccountConfig(
    accountId: number,
    config: JsonObject,
    changes: UpdateAccountConfigChanges,
  ): Promise<number> {
    return this.run(UPDATE_ACCOUNT_CONFIG, [accountId, config, changes]);
  }

  async clearEmbedHashes(accountId: number): Promise<number> {
    return this.run(CLEAR_EMBED_HASHES, [accountId]);
  }

  async clearAllEmbedHashes(): Promise<number> {
    return this.run(CLEAR_ALL_EMBED_HASHES, []);
  }

  async insertRepo(accountId: number, owner: string, name: string): Promise<Repo | null> {
    return this.first(INSERT_REPO, [accountId, owner, name], toRepo);
  }

  async getRepo(accountId: number, id: number): Promise<Repo | null> {
    return this.first(GET_REPO, [accountId, id], toRepo);
  }

  async getRepoByOwnerName(accountId: number, owner: string, name: string): Promise<Repo | null> {
    return this.first(GET_REPO_BY_OWNER_NAME, [accountId, owner, name], toRepo);
  }

  async listRepos(accountId: number): Promise<RepoOverview[]> {
    return this.pages(LIST_REPOS, [accountId], toRepoOverview);
  }

  async deleteRepo(accountId: number, id: number): Promise<number> {
    return this.run(DELETE_REPO, [accountId, id]);
  }

  async updateRepoLastScanAt(id: number, lastScanAt: string): Promise<number> {
    return this.run(UPDATE_REPO_LAST_SCAN_AT, [id, lastScanAt]);
  }

  async startScan(
    accountId: number,
    owner: string,
    name: string,
    options: JsonObject,
    phase: string,
    dueAt: string,
  ): Promise<Scan | null> {
    return this.first(START_SCAN, [accountId, owner, name, options, phase, dueAt], toScan);
  }

  async createScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(CREATE_SCAN, [accountId, repoId], toScan);
  }

  async getScan(accountId: number, id: number): Promise<Scan | null> {
    return this.first(GET_SCAN, [accountId, id], toScan);
  }

  async getActiveScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(GET_ACTIVE_SCAN, [accountId, repoId], toScan);
  }

  async getLatestCompletedScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(GET_LATEST_COMPLETED_SCAN, [accountId, repoId], toScan);
  }

  async updateScanStatus(id: number, status: ScanStatus, changes: UpdateScanStatusChanges): Promise<number> {
    return this.run(UPDATE_SCAN_STATUS, [id, status, changes]);
  }

  async addScanTokens(id: number, inputTokens: number, outputTokens: number): Promise<number> {
    return this.run(ADD_SCAN_TOKENS, [id, inputTokens, outputTokens]);
  }

  async failScan(id: number, error: string, completedAt: string): Promise<number> {
    return this.run(FAIL_SCAN, [id, error, completedAt]);
  }

  async getScanMessage(scanId: number, step: number): Promise<ScanMessage | null> {
    return this.first(GET_SCAN_MESSAGE, [scanId, step], toScanMessage);
  }

  async takeStep(scanId: number, nextStep: number, nextPhase: string | null, dueAt: string): Promise<void> {
    await this.run(TAKE_STEP, [scanId, nextStep, nextPhase, dueAt]);
  }

  async markStepSent(scanId: number, step: number, sentAt: string): Promise<number> {
    return this.run(MARK_STEP_SENT, [scanId, step, sentAt]);
  }

  async listStalledSteps(unsentBefore: string, sentBefore: string, limit: number): Promise<ScanStep[]> {
    return this.list(LIST_STALLED_STEPS, [unsentBefore, sentBefore, limit], toScanStep);
  }

  async upsertPR(repoId: number, pr: PRInput): Promise<PR> {
    return this.one(UPSERT_PR, [repoId, pr], toPR);
  }

  async upsertPRs(repoId: number, prs: PRInput[]): Promise<number> {
    return this.run(UPSERT_PRS, [repoId, prs]);
  }

  async getPR(accountId: number, id: number): Promise<PR | null> {
    return this.first(GET_PR, [accountId, id], toPR);
  }

  async getPRByNumber(accountId: number, repoId: number, number: number): Promise<PR | null> {
    return this.first(GET_PR_BY_NUMBER, [accountId, repoId, number], toPR);
  }

  async getPRsByIds(accountId: number, ids: number[]): Promise<PR[]> {
    return this.list(GET_PRS_BY_IDS, [accountId, ids], toPR);
  }

  async getPRsByNumbers(accountId: number, repoId: number, numbers: number[]): Promise<PR[]> {
    return this.list(GET_PRS_BY_NUMBERS, [accountId, repoId, numbers], toPR);
  }

  async listOpenPRs(accountId: number, repoId: number): Promise<PR[]> {
    return this.pages(LIST_OPEN_PRS, [accountId, repoId], toPR);
  }

  async countPRs(accountId: number, repoId: number): Promise<number> {
    return this.value<number>(COUNT_PRS, [accountId, repoId]);
  }

  async updatePREtag(id: number, githubEtag: string | null): Promise<number> {
    return this.run(UPDATE_PR_ETAG, [id, githubEtag]);
  }

  async updatePREmbedHash(id: number, embedHash: string | null): Promise<number> {
    return this.run(UPDATE_PR_EMBED_HASH, [id, embedHash]);
  }

  async insertDupeGroup(scanId: number, repoId: number, label: string | null, prCount: number): Promise<DupeGroup> {
    return this.one(INSERT_DUPE_GROUP, [scanId, repoId, label, prCount], toDupeGroup);
  }

  async insertDupeGroupMember(
    groupId: number,
    prId: number,
    rank: number,
    score: number,
    rationale: string | null,
  ): Promise<DupeGroupMember> {
    return this.one(INSERT_DUPE_GROUP_MEMBER, [groupId, prId, rank, score, rationale], toDupeGroupMember);
  }

  async listDupeGroups(accountId: number, scanId: number): Promise<DupeGroup[]> {
    return this.list(LIST_DUPE_GROUPS, [accountId, scanId], toDupeGroup);
  }

  async listDupeGroupMembers(accountId: number, groupId: number): Promise<DupeGroupMember[]> {
    return this.list(LIST_DUPE_GROUP_MEMBERS, [accountId, groupId], toDupeGroupMember);
  }

  async findDupeGroupsByPR(accountId: number, scanId: number, prId: number): Promise<DupeGroup[]> {
    return this.list(FIND_DUPE_GROUPS_BY_PR, [accountId, scanId, prId], toDupeGroup);
  }

  async listDupes(accountId: number, owner: string, name: string): Promise<DupeRow[]> {
    return this.list(LIST_DUPES, [accountId, owner, name], toDupeRow);
  }

  async deleteDupeGroupsByScan(scanId: number): Promise<number> {
    return this.run(DELETE_DUPE_GROUPS_BY_SCAN, [scanId]);
  }

  async clearScans(accountId: number): Promise<number> {
    return this.run(CLEAR_SCANS, [accountId]);
  }

  async clearRepos(accountId: number): Promise<number> {
    return this.run(CLEAR_REPOS, [accountId]);
  }

  async resetAll(accountId: number): Promise<number> {
    return this.run(RESET_ALL, [accountId]);
  }

  async insertJob(
    id: string,
    type: string,
    payload: JsonObject,
    maxRetries: number,
    runAfter: string | null,
  ): Promise<number> {
    return this.run(INSERT_JOB, [id, type, payload, maxRetries, runAfter]);
  }

  async getJob(id: string): Promise<Job | null> {
    return this.first(GET_JOB, [id], toJob);
  }

  async claimJob(now: string): Promise<Job | null> {
    return this.first(CLAIM_JOB, [now], toJob);
  }

  async completeJob(id: string, result: JsonObject | null): Promise<number> {
    return this.run(COMPLETE_JOB, [id, result]);
  }

  async retryJob(id: string, error: string, runAfter: string): Promise<number> {
    return this.run(RETRY_JOB, [id, error, runAfter]);
  }

  async failJob(id: string, error: string): Promise<number> {
    return this.run(FAIL_JOB, [id, error]);
  }

  async pauseJob(id: string, runAfter: string): Promise<number> {
    return this.run(PAUSE_JOB, [id, runAfter]);
  }

  async recoverRunningJobs(): Promise<number> {
    return this.run(RECOVER_RUNNING_JOBS, []);
  }

  async nextJobAt(): Promise<string | null> {
    return this.firstValue<string>(NEXT_JOB_AT, []);
  }
}
