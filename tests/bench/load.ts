/**
 * Sends a bounded number of GET requests to a loopback address over a fixed number of connections and prints the
 * requests per second: bun load.ts URL TOKEN REQUESTS CONNECTIONS
 */

const [url = "", token = "", requests = "0", connections = "8"] = process.argv.slice(2);
if (new URL(url).hostname !== "127.0.0.1") throw new Error("the load goes to 127.0.0.1 only");
const headers = { authorization: `Bearer ${token}` };

let left = Number(requests);
async function send(): Promise<void> {
  while (left-- > 0) {
    const response = await fetch(url, { headers });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  }
}

const start = performance.now();
await Promise.all(Array.from({ length: Number(connections) }, send));
console.log(((Number(requests) * 1000) / (performance.now() - start)).toFixed(0));
