/** Why a request over HTTP got no answer, in plain words. */

const FAILURES: Readonly<Record<string, string>> = {
  ConnectionRefused: "the connection was refused",
  ConnectionClosed: "the connection was cut",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was cut",
  ENOTFOUND: "the host name is unknown",
  ZlibError: "the answer could not be decompressed",
  BrotliDecompressionError: "the answer could not be decompressed",
  ZstdDecompressionError: "the answer could not be decompressed",
};

/** The reason of an error that `fetch` raised. */
export function fetchFailure(error: unknown, timeoutSeconds: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `there was no complete answer within ${timeoutSeconds} seconds`;
  return ("code" in error && FAILURES[String(error.code)]) || error.message;
}
