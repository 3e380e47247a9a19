// Keeps the page of a run that lives current: its log, and the parts that change; and a page that asks to be looked
// at again. Without it they are whole, only still. Everything that comes was escaped by the server or is put in as
// text.
"use strict";

const run = document.getElementById("run");
const box = document.getElementById("lines");
const AGAIN_MS = 2000;
const LOG_MS = 1000;
const PARTS_EVERY = 3; // answers
const MOST_LINES = 5000;

let cursor = run?.dataset.cursor;
let turn = 0;
const shown = new Map(); // part -> digest of what it shows

function address(withParts) {
  const query = new URLSearchParams({ after: cursor, q: run.dataset.query, task: run.dataset.task });
  if (withParts) query.set("parts", [...shown.values()].join(" "));
  return `/runs/${run.dataset.run}/live?${query}`;
}

function addLine(clock, stream, text) {
  const line = document.createElement("div");
  const time = document.createElement("time");
  const words = document.createElement("span");
  if (stream) line.className = stream;
  time.textContent = clock;
  words.textContent = text;
  line.append(time, words);
  box.append(line);
}

function addLines(lines) {
  const isAtEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
  for (const [clock, stream, text] of lines) addLine(clock, stream, text);
  while (box.childElementCount > MOST_LINES) box.firstElementChild.remove();
  document.getElementById("no-lines").hidden = box.childElementCount > 0;
  if (isAtEnd) box.scrollTop = box.scrollHeight;
}

function showParts(parts) {
  for (const [name, [digest, html]] of Object.entries(parts)) {
    const part = document.querySelector(`[data-part="${name}"]`);
    // what somebody stands in or selects is left alone until they leave it
    if (part.contains(document.activeElement) || part.contains(getSelection().anchorNode)) continue;
    const opened = [...part.querySelectorAll("details")].map((details) => details.open);
    part.innerHTML = html;
    part.querySelectorAll("details").forEach((details, index) => (details.open = opened[index] ?? details.open));
    shown.set(name, digest);
  }
}

async function follow() {
  let isOver = false;
  if (!document.hidden) {
    try {
      const response = await fetch(address(turn++ % PARTS_EVERY === 0));
      if (response.status === 401) return;
      const news = await response.json();
      if (box && news.lines.length) addLines(news.lines);
      cursor = news.cursor || cursor;
      showParts(news.parts);
      isOver = news.is_over;
      if (isOver) document.getElementById("announce").textContent = news.sentence;
    } catch {
      // the engine is starting again, or this machine sleeps: go on asking
    }
  }
  if (!isOver) setTimeout(follow, LOG_MS);
}

async function lookAgain() {
  if (!document.hidden) {
    try {
      const page = new DOMParser().parseFromString(await (await fetch("")).text(), "text/html");
      document.getElementById("main").innerHTML = page.getElementById("main").innerHTML;
      document.title = page.title;
    } catch {
      // the engine is starting again: go on asking
    }
  }
  if (document.querySelector("[data-again]")) setTimeout(lookAgain, AGAIN_MS);
}

if (box) box.scrollTop = box.scrollHeight;
if (run) follow();
else setTimeout(lookAgain, AGAIN_MS);
