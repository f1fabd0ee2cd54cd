/** Reads the settings of the local host from environment variables. */

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { StartError } from "./errors.ts";
import { isLogLevel, type LogLevel } from "./log.ts";
import { DEFAULT_PORT, LOG_LEVELS, VARIABLES } from "./spec/settings.ts";

export interface Config {
  databasePath: string;
  /** Other machines cannot reach it by default: anyone who does may register an account. */
  hostname: string;
  /** 0 for any free port. */
  port: number;
  logLevel: LogLevel;
  /** The variables of the core. */
  variables: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings; what is absent or empty has its default. */
export function readConfig(environment: Environment): Config {
  const variables = Object.entries(VARIABLES).map(([name, fallback]) => [name, environment[name] || fallback]);
  return {
    databasePath: resolve(environment.DATABASE_PATH || join(homedir(), ".ossgard", "ossgard.db")),
    hostname: environment.HOST || "127.0.0.1",
    port: readPort(environment.PORT),
    logLevel: readLogLevel(environment.LOG_LEVEL),
    variables: Object.fromEntries(variables),
  };
}

function readPort(text: string | undefined): number {
  if (!text) return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new StartError(`PORT must be a number from 0 to 65535, but is '${text}'.`);
}

function readLogLevel(text: string | undefined): LogLevel {
  const name = (text?.trim() || VARIABLES.LOG_LEVEL || "info").toLowerCase();
  const level = Object.hasOwn(LOG_LEVELS, name) ? LOG_LEVELS[name] : undefined;
  if (level && isLogLevel(level)) return level;
  throw new StartError(`LOG_LEVEL must be one of ${Object.keys(LOG_LEVELS).join(", ")}, but is '${text}'.`);
}
