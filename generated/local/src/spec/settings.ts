/** Settings of the local host, and the rules for trying a job again. */

/** The port that it listens on, unless PORT says otherwise. */
export const DEFAULT_PORT = 3400;

/** How often an idle worker loop looks for due jobs, in seconds. */
export const POLL_SECONDS = 1;

/** How often a job is tried after the first time, and how many seconds lie between. */
export const RETRIES = {
  max: 3,
  baseSeconds: 1,
  rateLimitBaseSeconds: 60,
  maxDelaySeconds: 3600,
};

/** The phase that a scan starts with. */
export const FIRST_PHASE = "scan";

/** The names that LOG_LEVEL may have, each with the level that it stands for. */
export const LOG_LEVELS: Readonly<Record<string, string>> = {
  debug: "debug",
  trace: "debug",
  verbose: "debug",
  info: "info",
  notice: "info",
  warning: "warning",
  warn: "warning",
  error: "error",
  err: "error",
  critical: "error",
  fatal: "error",
};

/** The variables of the service with their defaults; environment variables of the same names override them. */
export const VARIABLES: Readonly<Record<string, string>> = {
  GITHUB_API_URL: "https://api.github.com",
  AI_GATEWAY_URL: "https://gateway.ai.cloudflare.com/v1",
  LOG_LEVEL: "info",
};
