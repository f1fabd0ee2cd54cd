/** The errors that the local host's parts raise for each other, each with the data that its catcher needs. */

/** The database refused a write; nothing of the transaction was kept. */
export class ConstraintError extends Error {
  override readonly name = "ConstraintError";

  /** @param constraint SQLite's own words, for example "UNIQUE constraint failed: repos.owner". */
  constructor(readonly constraint: string) {
    super(constraint);
  }
}

/** A job could not be done now, but may be later. */
export class RetryError extends Error {
  override readonly name = "RetryError";
  /** How long to wait, when the other side said so (`Retry-After`). */
  readonly afterSeconds: number | undefined;
  /** Whether a rate limit was hit, which waits longer than other errors. */
  readonly rateLimited: boolean;

  constructor(message: string, options: { afterSeconds?: number; rateLimited?: boolean } = {}) {
    super(message);
    this.afterSeconds = options.afterSeconds;
    this.rateLimited = options.rateLimited ?? false;
  }
}

/** A job can never be done; trying again would not help. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}

/** The host cannot start; the message says what is wrong and what to do, in one line. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
