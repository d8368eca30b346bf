// Enhances pages that work without it: live update, confirmation, no double posts.
const body = document.body;

// Parts marked data-live are fetched anew when the node says that something changed, unless
// someone is typing in them.
const fresh = async () => {
  let html;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Chaski-Live": "1" }, cache: "no-store" });
    // Signed out meanwhile: nobody reads on, unless something typed would be lost.
    if (answer.redirected && !editing(body)) location.reload();
    if (!answer.ok || answer.redirected) return;
    html = await answer.text();
  } catch { return; }
  const page = new DOMParser().parseFromString(html, "text/html");
  let changed = false;
  for (const part of document.querySelectorAll("[data-live][id]")) {
    const next = page.getElementById(part.id);
    if (!next) continue;
    if (strip(next) === strip(part)) { move(part, next); continue; }
    const busy = part.querySelector("[aria-busy=true]") || editing(part);
    if (busy) continue;
    const told = document.querySelector(`[data-changed="${part.id}"]`);
    if (told && !stays(part, next)) { told.hidden = false; continue; }
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    const focused = active && path(active, part);
    const open = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
    part.replaceChildren(...document.importNode(next, true).childNodes);
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    const again = focused && find(focused, part);
    // Never on what came to stand in its place: whoever presses on would do that to another record.
    if (again && says(again) === says(active)) again.focus({ preventScroll: true });
    part.classList.remove("fresh");
    void part.offsetWidth;
    part.classList.add("fresh");
    changed = true;
  }
  if (changed) note(body.dataset.updated);
};

// What moves by itself, as "3 minutes ago" and the bytes that were sent do, moves on without a word. The moment of
// a time counts as a change, unless the time is marked data-moves.
const MOVES = "time, [data-moves]";
const move = (part, next) => {
  const moved = [...next.querySelectorAll(MOVES)];
  [...part.querySelectorAll(MOVES)].forEach((old, index) => {
    const now = moved[index];
    if (now && now.outerHTML !== old.outerHTML) old.replaceWith(document.importNode(now, true));
  });
};

// Form tokens do not count as a change either.
const strip = (part) => {
  const copy = part.cloneNode(true);
  copy.querySelectorAll(MOVES).forEach((one) => one.replaceChildren());
  copy.querySelectorAll("[data-moves]").forEach((one) => one.removeAttribute("datetime"));
  copy.querySelectorAll("input[name=csrf]").forEach((input) => input.remove());
  return copy.innerHTML;
};

const editing = (part) => [...part.querySelectorAll("input:not([type=hidden])")].some((input) =>
  input === document.activeElement || input.checked !== input.defaultChecked || input.value !== input.defaultValue);

// Cards to decide on stay where they are, under the finger that comes down: others may only follow them.
const stays = (part, next) => {
  const cards = (of) => [...of.querySelectorAll("article[id]")];
  const now = cards(next);
  return cards(part).every((card, at) => now[at]?.id === card.id && strip(now[at]) === strip(card));
};

// What a control is about: its words, where it leads, and the record that its form names.
const says = (node) => [node.textContent, node.getAttribute("href"), node.getAttribute("aria-label"),
  ...[...(node.form?.querySelectorAll("input[type=hidden]:not([name=csrf])") ?? [])].map((input) => input.value)].join("\n");

const path = (node, root) => {
  const steps = [];
  for (; node !== root; node = node.parentElement) steps.unshift([...node.parentElement.children].indexOf(node));
  return steps;
};
const find = (steps, root) => steps.reduce((node, step) => node?.children[step], root);

const note = (text) => {
  const place = document.getElementById("live-note");
  if (!place || !text) return;
  place.textContent = text;
  place.classList.add("on");
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { place.classList.remove("on"); }, 2500);
};

const url = body.dataset.liveUrl;
if (url && document.querySelector("[data-live]") && "EventSource" in window) {
  let timer = 0;
  let first = true;
  // One look at a time, and one more where something changed meanwhile: an older answer never
  // replaces a newer one.
  let busy = false;
  let again = false;
  const look = async () => {
    if (document.hidden) return;
    if (busy) { again = true; return; }
    busy = true;
    do { again = false; await fresh(); } while (again);
    busy = false;
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(look, 150); };
  const source = new EventSource(url);
  // The first event tells the state: the page's own, unless something changed before the
  // connection stood. After a reconnection something may be missed.
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) soon(); });
  source.addEventListener("change", (event) => {
    const known = first && event.data === body.dataset.liveSeq;
    first = false;
    if (!known) soon();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// One question before a field's emptiness removes something.
const ask = (form) => new Promise((answer) => {
  if (!window.HTMLDialogElement) { answer(window.confirm(form.dataset.confirmEmpty)); return; }
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = form.dataset.confirmEmpty;
  text.id = "question";
  dialog.setAttribute("aria-labelledby", "question");
  const row = document.createElement("p");
  row.className = "actions";
  const button = (label, value, kind) => {
    const made = document.createElement("button");
    made.className = `button ${kind}`;
    made.textContent = label;
    made.addEventListener("click", () => dialog.close(value));
    return made;
  };
  row.append(button(form.dataset.yes, "yes", "button-main"), button(form.dataset.no, "no", ""));
  dialog.append(text, row);
  dialog.addEventListener("close", () => { dialog.remove(); answer(dialog.returnValue === "yes"); });
  body.append(dialog);
  dialog.showModal();
});

// When it is looked whether a file has been written: most are at once, a large one takes its time.
const WRITTEN_MS = [1000, 4000, 15000, 60000];

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (form.method !== "post") return;
  // After a download the page stays as it is, ready for the next, and tells what became of it.
  if ("download" in form.dataset) { WRITTEN_MS.forEach((ms) => setTimeout(fresh, ms)); return; }
  if (form.dataset.sent) { event.preventDefault(); return; }
  const asks = form.dataset.confirmEmpty && !form.dataset.asked
    && [...form.querySelectorAll("input[type=tel]")].some((input) => input.value.trim() === "");
  if (asks) {
    event.preventDefault();
    if (await ask(form)) { form.dataset.asked = "1"; form.requestSubmit(button); }
    return;
  }
  form.dataset.sent = "1";
  button?.setAttribute("aria-busy", "true");
  addEventListener("pageshow", () => { delete form.dataset.sent; button?.removeAttribute("aria-busy"); }, { once: true });
});

// Back to the form that was being filled in when the session ended.
document.querySelector("form[data-resume]")?.requestSubmit();

// The list of problems is the first thing read.
document.querySelector(".problems")?.focus();
