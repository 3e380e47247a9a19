// Classes of a deployed app, called from JavaScript.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ModalClient, NotFoundError } from "modal";

const modal = new ModalClient();

test("a class without parameters", async () => {
  const plain = await (await modal.cls.fromName("js-app", "Plain")).instance();
  assert.equal(await plain.method("shout").remote(["tom"]), "TOM");
  assert.equal(await (await plain.method("shout").spawn(["ida"])).get(), "IDA");
});

test("parameters and their defaults", async () => {
  const Greeter = await modal.cls.fromName("js-app", "Greeter");
  assert.equal(await (await Greeter.instance()).method("greet").remote(["Tom"]), "hello Tom");
  const twice = await Greeter.instance({ word: "moin", times: 2 });
  assert.equal(await twice.method("greet").remote(["Ida"]), "moin Ida moin Ida");
});

test("options make containers of their own", async () => {
  const Plain = await modal.cls.fromName("js-app", "Plain");
  const other = await Plain.withOptions({ timeoutMs: 30_000, env: { A: "1" } }).withConcurrency({ maxInputs: 2 }).instance();
  assert.equal(await other.method("shout").remote(["x"]), "X");
});

test("what is not there, and what has another type", async () => {
  await assert.rejects(modal.cls.fromName("js-app", "Nobody"), NotFoundError);
  const Greeter = await modal.cls.fromName("js-app", "Greeter");
  await assert.rejects(Greeter.instance({ times: "two" }), /must be an integer/);
  const plain = await (await modal.cls.fromName("js-app", "Plain")).instance();
  assert.throws(() => plain.method("bark"), NotFoundError);
});
