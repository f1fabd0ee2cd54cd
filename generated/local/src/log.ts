/** The local host's log: one JSON object a line, from the chosen level on, in the same form as the core's own. */

const LEVELS = ["debug", "info", "warning", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Writes one event. */
export type Log = (level: LogLevel, message: string) => void;

export function isLogLevel(text: string): text is LogLevel {
  return (LEVELS as readonly string[]).includes(text);
}

/** A log of a deployment that writes what is at least as severe as `threshold`. */
export function createLog(threshold: LogLevel, environment: string | undefined, write: (line: string) => void): Log {
  const lowest = LEVELS.indexOf(threshold);
  return (level, message) => {
    if (LEVELS.indexOf(level) < lowest) return;
    write(JSON.stringify({ time: new Date().toISOString(), level, environment, message }));
  };
}
