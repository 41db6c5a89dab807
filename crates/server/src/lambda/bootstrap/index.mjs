// Runs a Node.js function against the Lambda Runtime API.

import { statSync } from "node:fs";
import Module, { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import util from "node:util";

const RUNTIME = "/2018-06-01/runtime";
const environment = process.env;
const [host, port] = environment.AWS_LAMBDA_RUNTIME_API.split(":");
let requestId;

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

// The one connection to the Runtime API. Node's own HTTP client takes longer than most handlers;
// this one knows just what the Runtime API answers: heads with a Content-Length.
class Connection {
  #socket = net.connect(Number(port), host);
  /** Calls that wait for their answers, in order. */
  #waiting = [];
  #chunks = [];
  #length = 0;
  #needed = 1;

  constructor() {
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", (error) => this.#end(error));
    this.#socket.on("close", () => this.#end(new Error("the Runtime API is gone")));
  }

  call(method, route, body, headers = {}) {
    let head = `${method} ${RUNTIME}${route} HTTP/1.1\r\nHost: ${host}:${port}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new Error("the Runtime API is gone"));
      this.#waiting.push({ resolve, reject });
      // While nothing is asked, the connection does not keep the event loop from being empty.
      socket.ref();
      // What is called in one go leaves with one write.
      socket.cork();
      socket.write(head + "\r\n", "latin1");
      if (body !== undefined) socket.write(body);
      process.nextTick(() => socket.uncork());
    });
  }

  #take(chunk) {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= this.#needed) {
      const received = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
      const rest = this.#answer(received);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#length = rest.length;
    }
  }

  /** Hands over the first answer if it is whole; gives what is left. */
  #answer(received) {
    const end = received.indexOf("\r\n\r\n");
    this.#needed = received.length + 1;
    if (end < 0) return received;
    const [status, ...lines] = received.latin1Slice(0, end).split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const whole = end + 4 + Number(headers["content-length"] ?? 0);
    if (received.length < whole) {
      this.#needed = whole;
      return received;
    }
    this.#needed = 1;
    const answer = { status: Number(status.split(" ")[1]), headers };
    answer.body = received.subarray(end + 4, whole);
    this.#waiting.shift()?.resolve(answer);
    if (this.#waiting.length === 0) this.#socket.unref();
    return received.subarray(whole);
  }

  #end(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

const runtimeApi = new Connection();

function post(route, text, headers = {}) {
  const body = Buffer.from(text);
  return runtimeApi.call("POST", route, body, {
    "Content-Type": "application/json",
    "Content-Length": body.length,
    ...headers,
  });
}

function describe(error) {
  if (util.types.isNativeError(error) || error instanceof Error) {
    return {
      errorType: String(error.name),
      errorMessage: String(error.message),
      trace: String(error.stack ?? error).split("\n"),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function postError(route, document) {
  // A header holds no other characters.
  const type = document.errorType.replace(/[^\x21-\x7e]/g, "_");
  return post(route, JSON.stringify(document), {
    "Lambda-Runtime-Function-Error-Type": type,
  });
}

function write(level, text) {
  const line = [new Date().toISOString(), requestId ?? "undefined", level, text];
  // One log event: its line breaks are carriage returns.
  process.stdout.write(line.join("\t").replace(/\n/g, "\r") + "\n");
}

function patchConsole() {
  const levels = {
    trace: "TRACE",
    debug: "DEBUG",
    info: "INFO",
    log: "INFO",
    warn: "WARN",
    error: "ERROR",
    fatal: "FATAL",
  };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) => write(level, util.format(...values));
  }
}

function logError(title, error) {
  const document = describe(error);
  const extra = error instanceof Error ? Object.entries(error) : [];
  write(
    "ERROR",
    `${title}\t${JSON.stringify({
      errorType: document.errorType,
      errorMessage: document.errorMessage,
      ...Object.fromEntries(extra.filter(([name]) => name !== "name")),
      stack: document.trace,
    })}`,
  );
}

// Version 2 of the AWS SDK for JavaScript does not read AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_*:
// it is told as soon as the function loads it. What a client's own options say stays stronger.
function pointOldSdk() {
  const load = Module._load;
  Module._load = function (request, parent, isMain) {
    const loaded = load.call(this, request, parent, isMain);
    const [sdk] = /^(.*[\\/])?aws-sdk(?=[\\/]|$)/.exec(request) ?? [];
    if (sdk) setEndpoints(load.call(this, `${sdk}/global`, parent, false).config);
    return loaded;
  };
}

function setEndpoints(config) {
  for (const [name, endpoint] of Object.entries(environment)) {
    const [, service] = /^AWS_ENDPOINT_URL(?:_(.+))?$/.exec(name) ?? [];
    if (service) config[service.replaceAll("_", "").toLowerCase()] ??= { endpoint };
    else if (name === "AWS_ENDPOINT_URL") config.endpoint ??= endpoint;
  }
}

async function load(file) {
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) {
    if (file.endsWith(".mjs")) return import(pathToFileURL(file).href);
    try {
      return createRequire(file)(file);
    } catch (error) {
      if (!/^ERR_REQUIRE_(ESM|ASYNC_MODULE)$/.test(error.code)) throw error;
      return import(pathToFileURL(file).href);
    }
  }
  return undefined;
}

async function loadHandler(name) {
  const parts = /^(.*[\\/])?([^.\\/]+)\.(.+)$/.exec(name);
  if (parts === null || name.includes("..")) {
    throw new RuntimeError("Runtime.MalformedHandlerName", `Bad handler '${name}'`);
  }
  const [, folder = "", module, keys] = parts;
  const base = path.resolve(environment.LAMBDA_TASK_ROOT, folder, module);
  let exported;
  try {
    for (const ending of [".js", ".mjs", ".cjs", ""]) {
      exported = await load(base + ending);
      if (exported !== undefined) break;
    }
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new RuntimeError("Runtime.UserCodeSyntaxError", error.stack ?? String(error));
    }
    if (/^(ERR_)?MODULE_NOT_FOUND$/.test(error.code)) {
      throw new RuntimeError("Runtime.ImportModuleError", `Error: ${error.message}`);
    }
    throw error;
  }
  if (exported === undefined) {
    throw new RuntimeError(
      "Runtime.ImportModuleError",
      `Error: Cannot find module '${folder}${module}'`,
    );
  }
  const find = (root) => keys.split(".").reduce((value, key) => value?.[key], root);
  const handler = find(exported) ?? find(exported.default);
  if (handler === undefined) {
    throw new RuntimeError(
      "Runtime.HandlerNotFound",
      `${name} is undefined or not exported`,
    );
  }
  if (typeof handler !== "function") {
    throw new RuntimeError("Runtime.HandlerNotFound", `${name} is not a function`);
  }
  return handler;
}

// What AWS says once the event loop is empty and nobody has answered.
let endOfLoop;
process.on("beforeExit", () => endOfLoop?.());

function invoke(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const deadline = Number(headers["lambda-runtime-deadline-ms"]);
    const context = {
      callbackWaitsForEmptyEventLoop: true,
      functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
      awsRequestId: requestId,
      invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
      clientContext: JSON.parse(headers["lambda-runtime-client-context"] ?? "null") ?? undefined,
      identity: undefined,
      getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
      done: (error, value) => settle(error, value),
      succeed: (value) => settle(null, value, true),
      fail: (error) => settle(error ?? new Error("handled"), undefined, true),
    };
    let settled = false;
    function settle(error, value, atOnce = false) {
      if (settled) return;
      settled = true;
      const finish = () => {
        endOfLoop = undefined;
        if (error === null || error === undefined) resolve(value);
        else reject(error);
      };
      // A callback's answer waits for what the handler has begun, unless it said not to.
      if (context.callbackWaitsForEmptyEventLoop && !atOnce) endOfLoop = finish;
      else finish();
    }
    endOfLoop = () => {
      endOfLoop = undefined;
      resolve(null);
    };
    const result = handler(event, context, settle);
    if (typeof result?.then === "function") {
      result.then(
        (value) => settle(null, value, true),
        (error) => settle(error ?? new Error(String(error)), undefined, true),
      );
    }
  });
}

function next() {
  return runtimeApi.call("GET", "/invocation/next");
}

// Carries out an event, and asks for the next in the same write that answers it.
async function serve(handler, event) {
  if (event.status !== 200) process.exit(1);
  requestId = event.headers["lambda-runtime-aws-request-id"];
  environment._X_AMZN_TRACE_ID = event.headers["lambda-runtime-trace-id"] ?? "";
  const route = `/invocation/${requestId}`;
  let text;
  try {
    const result = await invoke(handler, JSON.parse(event.body), event.headers);
    text = JSON.stringify(result) ?? "null";
  } catch (error) {
    logError("Invoke Error", error);
    return answerAndNext(postError(`${route}/error`, describe(error)));
  }
  return answerAndNext(post(`${route}/response`, text));
}

async function answerAndNext(answered) {
  const [, event] = await Promise.all([answered, next()]);
  return event;
}

async function fatal(title, error) {
  logError(title, error);
  const document = describe(error);
  try {
    await postError(requestId ? `/invocation/${requestId}/error` : "/init/error", document);
  } finally {
    process.exit(title === "Init Error" ? 1 : 129);
  }
}

patchConsole();
pointOldSdk();
process.on("uncaughtException", (error) => fatal("Uncaught Exception", error));
process.on("unhandledRejection", (reason) => {
  const error = new RuntimeError("Runtime.UnhandledPromiseRejection", String(reason));
  fatal("Unhandled Promise Rejection", Object.assign(error, { reason }));
});

async function main() {
  let handler;
  try {
    handler = await loadHandler(environment._HANDLER);
  } catch (error) {
    return fatal("Init Error", error);
  }
  try {
    let event = await next();
    for (;;) event = await serve(handler, event);
  } catch {
    // The other side is gone; without it there is nothing to do.
    process.exit(1);
  }
}

main();
