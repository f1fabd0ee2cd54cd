/** Settings of the local host. */

/** The port that it listens on, unless PORT says otherwise. */
export const DEFAULT_PORT = 3400;

/** How often an idle worker loop looks for due jobs, in seconds. */
export const POLL_SECONDS = 1;

/** How many jobs the worker loop works on at a time, and how many of them for one account. */
export const JOBS = 6;
export const JOBS_PER_ACCOUNT = 2;

/** How often the queue hands out a job again, as Cloudflare's does, before it gives the job up. */
export const MAX_RETRIES = 30;

/** The phase that a scan starts with. */
export const FIRST_PHASE = "scan";

/** The variables of the service with their defaults; environment variables of the same names override them. */
export const VARIABLES: Readonly<Record<string, string>> = {
  GITHUB_API_URL: "https://api.github.com",
  AI_GATEWAY_URL: "https://gateway.ai.cloudflare.com/v1",
  LOG_LEVEL: "info",
};
