// Functions of a deployed app, called from JavaScript.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FunctionTimeoutError, ModalClient, NotFoundError, RemoteError, TimeoutError } from "modal";

const modal = new ModalClient();
const find = (name) => modal.functions.fromName("js-app", name);

test("arguments by position and by name", async () => {
  const add = await find("add");
  assert.equal(await add.remote([2, 3]), 5);
  assert.equal(await add.remote([2], { b: 40 }), 42);
  assert.equal(await add.remote([], { a: 1 }), 2);
});

test("values of every kind come back as they went", async () => {
  const echo = await find("echo");
  const value = { list: [1, -2.5, null, true, "grüße", []], bytes: new Uint8Array([0, 255]), big: 2n ** 60n, no: {} };
  const back = await echo.remote([value]);
  assert.deepEqual({ ...back, bytes: [...back.bytes] }, { ...value, bytes: [0, 255] });
});

test("arguments and results over 2 MiB go through blobs", async () => {
  const text = "x".repeat(5 << 20);
  assert.equal(await (await find("echo")).remote([text]), text);
});

test("a hundred calls at once", async () => {
  const add = await find("add");
  const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => add.remote([n, n])));
  assert.deepEqual(sums, sums.map((_, n) => 2 * n));
});

test("a spawned call is found again by its id", async () => {
  const call = await (await find("wait")).spawn([1]);
  await assert.rejects(call.get({ timeoutMs: 50 }), TimeoutError);
  const again = await modal.functionCalls.fromId(call.functionCallId);
  assert.equal(await again.get(), "done");
});

test("8 KiB and more of a spawned call's arguments go through a blob", async () => {
  const call = await (await find("echo")).spawn(["y".repeat(100_000)]);
  assert.equal((await call.get()).length, 100_000);
});

test("a cancelled call ends with an error that says so", async () => {
  const call = await (await find("wait")).spawn([60]);
  await call.cancel();
  await assert.rejects(call.get(), (error) => error instanceof RemoteError && /was cancelled/.test(error.message));
});

test("an exception keeps its type and text", async () => {
  const said = (error) => error instanceof RemoteError && error.message === "Remote error: ValueError('no luck')";
  await assert.rejects((await find("fail")).remote(["luck"]), said);
});

test("a timeout is a FunctionTimeoutError", async () => {
  await assert.rejects((await find("slow")).remote([30]), (error) => error instanceof FunctionTimeoutError);
});

test("what cannot be sent is an error on the side that has it", async () => {
  const result = (error) => error instanceof RemoteError && /Can not serialize type builtins.object as cbor/.test(error);
  await assert.rejects((await find("not_cbor")).remote(), result);
  await assert.rejects((await find("echo")).remote([() => 1]), /function/);
  await assert.rejects((await find("echo")).remote([1, 2, 3]), /takes 1 positional argument but 3 were given/);
});

test("the end of a generator says how many values there were", async () => {
  assert.equal((await (await find("count")).remote([3])).itemsTotal, 3);
});

test("functions that are not there", async () => {
  await assert.rejects(find("nothing"), NotFoundError);
  await assert.rejects(modal.functions.fromName("no-app", "add"), NotFoundError);
  await assert.rejects(modal.functions.fromId("fu-0000000000000000000000"), NotFoundError);
  await assert.rejects(modal.functionCalls.fromId("fc-0000000000000000000000"), /does not exist|no function call/i);
});

test("options, statistics and the autoscaler", async () => {
  const add = await find("add");
  const other = await add.withOptions({ timeoutMs: 20_000, memoryMiB: 256, cpu: 0.5 }).withConcurrency({ maxInputs: 4 }).instance();
  assert.notEqual(other.functionId, add.functionId);
  assert.equal(await other.remote([1, 1]), 2);
  assert.deepEqual(Object.keys(await add.getCurrentStats()).sort(), ["backlog", "numTotalRunners"]);
  const set = await add.updateAutoscaler({ maxContainers: 3, scaledownWindowMs: 20_000 });
  assert.deepEqual([set.maxContainers, set.scaledownWindowMs], [3, 20_000]);
});

test("what a function printed", async () => {
  const say = await find("say");
  const call = await say.spawn(["hello from a function"]);
  await call.get();
  const lines = [];
  for await (const entry of call.logs.stream({ timeoutMs: 10_000 })) {
    lines.push(entry.message);
    break;
  }
  assert.deepEqual(lines, ["hello from a function\n"]);
  const tail = [];
  for await (const entry of say.logs.tail()) tail.push(entry.message);
  assert.ok(tail.includes("hello from a function\n"), tail);
});

test("what Homeport does not serve is refused by name", async () => {
  await assert.rejects((await find("add")).metrics.export(), /does not serve the RPC FunctionGetMetrics/);
});
