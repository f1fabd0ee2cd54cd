/** HTTP for the core, up to what Python sees, from servers that keep or break the rules. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { openStream } from "../../../generated/local/src/http-client.ts";
import { until } from "./host-process.ts";
import { bootClient, type ReadStream } from "./python-http.ts";

// Bounds for a machine that is busy with other tests, where Pyodide alone takes a minute to start.
const SLOW = 600_000;
const MEGABYTE = 1_000_000;

/** Random, and so not to be compressed. */
const CONTENT = crypto.getRandomValues(new Uint8Array(60_000));

describe("requests", () => {
  let server: Bun.Server<undefined>;

  beforeAll(() => {
    server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/slow") await Bun.sleep(5_000);
        if (pathname === "/elsewhere") return Response.redirect("http://127.0.0.1:1/", 307);
        const seen = { method: request.method, headers: request.headers.toJSON(), body: await request.text() };
        return Response.json(seen, { status: 418, headers: { "X-Seen": "yes" } });
      },
    });
  });
  afterAll(() => server.stop(true));

  const send = (path: string, body?: Uint8Array, timeoutSeconds = 5) =>
    openStream("POST", `http://127.0.0.1:${server.port}${path}`, '{"X-Token":"t"}', body, timeoutSeconds);

  test("sends method, headers and body, and brings back status, headers and body", async () => {
    const answer = await send("/", new TextEncoder().encode("ünï"));
    expect(answer.status).toBe(418);
    expect(JSON.parse(answer.headersJson)).toMatchObject({ "x-seen": "yes" });
    const seen = JSON.parse(new TextDecoder().decode((await answer.read()).bytes));
    expect(seen).toMatchObject({ method: "POST", headers: { "x-token": "t" }, body: "ünï" });
  });

  test("take a redirect for an answer", async () => {
    const { status, headersJson, close } = await send("/elsewhere", new TextEncoder().encode("secret"));
    expect([status, JSON.parse(headersJson).location]).toEqual([307, "http://127.0.0.1:1/"]);
    close();
  });

  test("gives up after the timeout", async () => {
    expect(await send("/slow", undefined, 0.1)).toMatchObject({
      status: 0,
      failure: "there was no complete answer within 0.1 seconds",
    });
  });

  test("says why there was no answer", async () => {
    const unknown = await openStream("GET", "http://no-such-host.invalid/", "{}", undefined, 5);
    expect(unknown).toMatchObject({ status: 0, failure: "the host name is unknown" });
  });

  test.each(["nonsense", "file:///etc/hosts", "data:text/plain,x", "s3://bucket/x"])(
    "asks nothing of %s",
    async (url) => {
      const answer = await openStream("GET", url, "{}", undefined, 5);
      expect(answer).toMatchObject({ status: 0, failure: "it is not an http or https address" });
    },
  );
});

describe("streamed answers", () => {
  let server: Server;
  let url: string;
  /** What the server does on a connection once it has been asked. */
  let answer: (socket: Socket, request: string) => void;
  const connections = new Set<Socket>();
  /** How many bytes of a long answer have been taken. */
  let written: number;

  beforeAll(async () => {
    server = createServer((socket) => {
      connections.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => connections.delete(socket));
      socket.on("data", (data) => answer(socket, data.toString()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/`;
  });
  afterAll(() => server.close());
  afterEach(() => {
    for (const connection of connections) connection.destroy();
  });

  const head = (...headers: string[]) => `${["HTTP/1.1 200 OK", "Connection: close", ...headers].join("\r\n")}\r\n\r\n`;
  const sized = `Content-Length: ${CONTENT.length}`;
  const chunk = (bytes: Uint8Array) => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]);
  const CRLF = Buffer.from("\r\n");

  /** Answers with some bytes, after which nothing comes, or the end of the connection. */
  const sends = (start: string, bytes: Uint8Array, end = true) => {
    answer = (socket) => {
      socket.write(start);
      socket.write(bytes);
      if (end) setTimeout(() => socket.end(), 50);
    };
  };

  /** Answers with this many megabytes, as fast as they are taken. */
  const pours = (megabytes: number) => {
    const piece = new Uint8Array(MEGABYTE / 10);
    answer = async (socket) => {
      socket.write(head(`Content-Length: ${megabytes * MEGABYTE}`));
      for (written = 0; written < megabytes * MEGABYTE && !socket.destroyed; written += piece.length) {
        if (!socket.write(piece)) await new Promise((resolve) => socket.once("drain", resolve));
      }
    };
  };

  describe("openStream", () => {
    const stream = (timeoutSeconds = 5) => openStream("GET", url, '{"X-Token":"t"}', undefined, timeoutSeconds);

    async function readAll(timeoutSeconds?: number): Promise<{ sizes: number[]; body: Buffer; failure: string }> {
      const { read, close, failure } = await stream(timeoutSeconds);
      const pieces: Buffer[] = [];
      let last = await read();
      for (; last.bytes.length > 0; last = await read()) pieces.push(Buffer.from(last.bytes));
      close();
      const sizes = pieces.map((piece) => piece.length);
      return { sizes, body: Buffer.concat(pieces), failure: failure || last.failure };
    }

    test("sends method and headers, and brings back status, headers and body", async () => {
      let request = "";
      answer = (socket, text) => {
        request = text;
        socket.write(head("X-Seen: yes", sized));
        socket.write(CONTENT);
      };
      const { status, headersJson, failure, read, close } = await stream();
      expect({ status, failure }).toEqual({ status: 200, failure: "" });
      expect(JSON.parse(headersJson)).toMatchObject({ "x-seen": "yes" });
      expect((await read()).bytes).toEqual(CONTENT);
      expect(await read()).toEqual({ bytes: new Uint8Array(), failure: "" });
      expect(request).toStartWith("GET / HTTP/1.1\r\n");
      expect(request.toLowerCase()).toContain("x-token: t\r\n");
      close();
    });

    test("joins what comes in small pieces", async () => {
      answer = async (socket) => {
        socket.write(head("Transfer-Encoding: chunked"));
        for (let at = 0; at < CONTENT.length; at += 1000) {
          socket.write(chunk(CONTENT.subarray(at, at + 1000)));
          if (at % 10_000 === 0) await Bun.sleep(1);
        }
        socket.write("0\r\n\r\n");
      };
      const { sizes, body, failure } = await readAll();
      expect(failure).toBe("");
      expect(sizes).toEqual([CONTENT.length]);
      expect(body.equals(CONTENT)).toBe(true);
    });

    test("unpacks what is compressed", async () => {
      const packed = Bun.gzipSync(CONTENT);
      sends(head("Content-Encoding: gzip", `Content-Length: ${packed.length}`), packed);
      expect((await readAll()).body.equals(CONTENT)).toBe(true);
    });

    test("knows answers without a body", async () => {
      answer = (socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      expect(await readAll()).toMatchObject({ sizes: [], failure: "" });
    });

    const half = CONTENT.subarray(0, CONTENT.length / 2);
    const packed = Bun.gzipSync(CONTENT).subarray(0, CONTENT.length / 2);
    test.each([
      ["shorter than was announced", head(sized), half],
      ["without its last chunk", head("Transfer-Encoding: chunked"), chunk(half)],
      ["cut in a chunk", head("Transfer-Encoding: chunked"), chunk(half).subarray(0, 100)],
      ["compressed, and shorter than was announced", head("Content-Encoding: gzip", sized), packed],
      [
        "compressed, and without its last chunk",
        head("Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        chunk(packed),
      ],
    ])("notices a body that is %s", async (_, start, bytes) => {
      sends(start, bytes);
      expect((await readAll()).failure).toBe("the connection was cut");
    });

    test("notices a body that was compressed badly", async () => {
      sends(head("Content-Encoding: gzip", `Content-Length: ${packed.length}`), packed, false);
      expect((await readAll()).failure).toBe("the answer could not be decompressed");
    });

    test.each([
      ["to begin", ""],
      ["to end", head(sized)],
    ])("gives up an answer that takes too long %s", async (_, start) => {
      sends(start, start ? half : new Uint8Array(), false);
      expect((await readAll(0.2)).failure).toBe("there was no complete answer within 0.2 seconds");
      await until(() => connections.size === 0);
    });

    test("closes the connection when it is left early", async () => {
      pours(1000);
      const { read, close } = await stream();
      await read();
      close();
      await until(() => connections.size === 0);
      expect(written).toBeLessThan(1000 * MEGABYTE);
    });

    test("fetches no faster than is read", async () => {
      pours(200);
      const { read, close } = await stream();
      await read();
      let before = -1;
      // What the system's own buffers take is some megabytes.
      await until(async () => {
        before = written;
        await Bun.sleep(300);
        return written === before;
      });
      expect(written).toBeLessThan(50 * MEGABYTE);
      close();
    });

    test("says why there was no answer", async () => {
      const refused = await openStream("GET", "http://127.0.0.1:1/", "{}", undefined, 5);
      expect(refused).toMatchObject({ status: 0, failure: "the connection was refused" });
      const file = await openStream("GET", "file:///etc/hosts", "{}", undefined, 5);
      expect(file).toMatchObject({ status: 0, failure: "it is not an http or https address" });
    });
  });

  describe("in Python", () => {
    let read: ReadStream;

    beforeAll(async () => {
      read = await bootClient();
    }, SLOW);

    const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

    test("come with status, headers and every byte", async () => {
      const much = crypto.getRandomValues(new Uint8Array(65_536));
      answer = (socket) => {
        socket.write(head("X-Seen: yes", `Content-Length: ${20 * much.length}`));
        for (let time = 0; time < 20; time++) socket.write(much);
      };
      const { status, headers, sizes, sha256: digest, failure } = await read(url);
      expect({ status, failure }).toEqual({ status: 200, failure: null });
      expect(headers).toMatchObject({ "x-seen": "yes" });
      expect(sizes.length).toBeGreaterThan(1);
      expect(digest).toBe(sha256(Buffer.concat(Array(20).fill(much))));
    });

    test("raise ConnectionFailure where they break off", async () => {
      sends(head(sized), CONTENT.subarray(0, 100));
      expect(await read(url)).toMatchObject({
        status: 200,
        failure: `${url} could not be reached: the connection was cut`,
      });
    });

    test("raise ConnectionFailure when there is no answer", async () => {
      expect(await read("http://127.0.0.1:1/")).toMatchObject({
        status: null,
        failure: "http://127.0.0.1:1/ could not be reached: the connection was refused",
      });
    });

    test("are closed when they are left early", async () => {
      pours(1000);
      expect(await read(url, 10, 2)).toMatchObject({ failure: null });
      await until(() => connections.size === 0);
      expect(written).toBeLessThan(1000 * MEGABYTE);
    });

    test(
      "need no more memory when they are long",
      async () => {
        pours(100);
        const program = Bun.spawn([process.execPath, join(import.meta.dir, "python-http.ts"), url]);
        const report = (await new Response(program.stdout).json()) as { bytes: number; failure: null; grown: number };
        expect(report).toMatchObject({ bytes: 100 * MEGABYTE, failure: null });
        expect(report.grown).toBeLessThan(30 * MEGABYTE);
      },
      SLOW,
    );
  });
});
