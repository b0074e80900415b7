"use strict";

const $ = (id) => document.getElementById(id);

// Texts are set as text, never as HTML: names come from the account.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(label, key, isDisabled, action) {
  const made = element("button", { type: "button", "data-key": key, "aria-disabled": isDisabled }, label);
  // Not `disabled`, which would take the focus from whoever has just pressed it.
  made.addEventListener("click", () => isDisabled || action());
  return made;
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const document = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(document.detail || `the service responded with ${response.status}`);
  return document;
}

// ---- the cards

function volume(each) {
  const bar = element("progress", { max: 1, "aria-label": `volume ${each.id}` });
  if (each.phase !== "pending") bar.value = 1;
  return element(
    "li", { class: each.phase },
    element("span", { title: each.id }, each.id), bar, element("span", {}, each.state),
  );
}

function snapshot(card, each) {
  const isPending = each.phase === "pending";
  const done = each.volumes.filter((one) => one.phase === "complete").length;
  const text = element("div", {}, element("div", { class: "name" }, each.name));
  const what = element("span", { class: each.phase }, each.phase);
  const about = element("p", { class: "soft" }, what);
  if (isPending && each.volumes.length) about.append(`, ${done} of ${each.volumes.length} volumes`);
  if (each.created_at) {
    const at = new Date(each.created_at);
    const short = at.toLocaleString([], { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
    about.append(" · ", element("time", { datetime: each.created_at, title: at.toLocaleString() }, short));
  }
  text.append(about);
  const line = element("div", { class: "snapshot" }, text);
  if (each.phase === "complete") {
    const made = button("Restore…", `restore ${each.id}`, Boolean(card.restoring), () => plan(card, each));
    made.setAttribute("aria-label", `Restore ${each.name} over ${card.hostname}`);
    line.append(made);
  }
  const item = element("li", {}, line);
  if (each.phase === "failed") item.append(element("p", { class: "soft" }, each.reasons));
  if (!isPending || !each.volumes.length) return item;
  item.append(element("ul", { class: "volumes" }, ...each.volumes.map(volume)));
  return item;
}

function doing(card) {
  if (card.creating) return `Creating ${card.creating}…`;
  if (card.restoring) return `Restoring ${card.restoring}…`;
  return card.note;
}

function content(card) {
  const isBusy = Boolean(card.creating) || card.snapshots.some((each) => each.phase === "pending");
  const title = element("div", {}, element("h2", {}, card.hostname));
  title.append(element("p", { class: "soft" }, card.status));
  const made = button("Back up now", "back up", isBusy, () => backUp(card));
  made.setAttribute("aria-label", `Back up ${card.hostname} now`);
  const parts = [element("div", { class: "top" }, title, made)];
  if (doing(card)) parts.push(element("p", { class: "note" }, doing(card)));
  const items = card.snapshots.map((each) => snapshot(card, each));
  parts.push(items.length ? element("ul", { class: "snapshots" }, ...items)
    : element("p", { class: "soft" }, "No snapshots yet."));
  return parts;
}

const cards = new Map();

function show(card) {
  const before = cards.get(card.id);
  const made = before || { node: element("section", { class: "card" }), said: "" };
  const focused = made.node.contains(document.activeElement) && document.activeElement.dataset.key;
  made.node.setAttribute("aria-label", card.hostname);
  made.node.replaceChildren(...content(card));
  if (focused) made.node.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  const said = doing(card);
  if (said && said !== made.said) $("announcement").textContent = `${card.hostname}: ${said}`;
  made.said = said;
  cards.set(card.id, made);
}

function receive(change) {
  $("trouble").textContent = change.trouble;
  $("trouble").hidden = !change.trouble;
  change.cards.forEach(show);
  for (const id of cards.keys()) {
    if (change.order.includes(id)) continue;
    cards.get(id).node.remove();
    cards.delete(id);
  }
  change.order.forEach((id, index) => {
    const { node } = cards.get(id);
    if ($("cards").children[index] !== node) $("cards").insertBefore(node, $("cards").children[index] ?? null);
  });
}

// ---- what a person does

function fail(error) {
  $("trouble").textContent = error.message;
  $("trouble").hidden = false;
}

async function backUp(card) {
  await post("backups", { instance_id: card.id }).catch(fail);
}

let shown = null;

async function plan(card, each) {
  try {
    shown = await post("plans", { instance_id: card.id, snapshot_id: each.id });
  } catch (error) {
    fail(error);
    return;
  }
  $("dialog-title").textContent = `Overwrite ${shown.hostname}?`;
  $("plan").textContent = shown.text;
  $("wanted").textContent = shown.hostname;
  $("hostname").value = "";
  $("problem").textContent = "";
  $("approve").disabled = true;
  $("dialog").showModal();
  $("hostname").focus();
}

$("hostname").addEventListener("input", () => {
  $("approve").disabled = $("hostname").value !== shown.hostname;
});
$("cancel").addEventListener("click", () => $("dialog").close());
$("approval").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("approve").disabled = true;
  try {
    await post("restores", { fingerprint: shown.fingerprint, hostname: $("hostname").value });
    $("dialog").close();
  } catch (error) {
    $("problem").textContent = error.message;
  }
});

// ---- the stream: a browser connects again by itself, and then gets all cards

const stream = new EventSource("events");
stream.addEventListener("message", (event) => receive(JSON.parse(event.data)));
stream.addEventListener("open", () => { $("connection").textContent = "Live"; });
stream.addEventListener("error", () => { $("connection").textContent = "Connecting…"; });
