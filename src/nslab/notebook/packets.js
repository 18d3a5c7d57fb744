// The live table of packets. The kernel holds the rows, filters and sorts them; here are only those in sight and some
// around them. Every message to the kernel names its view, for the same table may be open in two windows.
//
// It takes the place of a static table: an element of class `nslab-live-KEY` in an output of plain HTML. So what is
// saved in a notebook, and seen where no kernel is, is that table, and never "model not found".

const ROW = 22; // pixels, as in packets.css
const TALLEST = 8_000_000; // pixels: browsers end between 16 and 33 million
const MARGIN = 150; // rows that are fetched above and below those in sight
const KEPT = 20_000; // rows
const WIDEST = 42; // characters of an address
const PATIENCE = 250; // milliseconds after which an unanswered question is asked again, then after twice as many …
const MOST_PATIENT = 20_000; // … and so on: a kernel that runs a cell may answer only at its end
const LEAST = { "No.": 4, Time: 11, Point: 8, Source: 12, Destination: 12, Protocol: 8, Length: 6 }; // characters
const RIGHT = new Set(["No.", "Time", "Length"]);
const BAD = /unreachable|exceeded|\bRST\b|Malformed/i;
// The same packet at a second point looks like one that was sent again: there, these say nothing.
const AMISS = /no response found|Retransmission|not captured|ACKed unseen/i;

const element = (name, properties = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  // Or JupyterLab takes the keys for its own: `d d` in a table would delete the cell. It looks at what has the focus.
  if (name === "button" || "tabIndex" in properties) made.setAttribute("data-lm-suppress-shortcuts", "true");
  made.append(...children);
  return made;
};

const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

class View {
  constructor(model) {
    this.model = model;
    this.name = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
    this.wanted = { filter: "", sort: "", descending: false, frozen: false };
    this.state = { columns: [], total: 0, shown: 0, lost: 0, running: false, unread: 0, points: [], alarms: [], remarks: [] };
    this.generation = -1;
    this.cache = new Map(); // place in the view: row
    this.places = new Map(); // No.: place in the view
    this.first = this.expected = 0;
    this.selected = null; // No.
    this.opened = null;
    this.following = true;
    this.onscreen = true;
    this.question = 0;
    this.patience = PATIENCE;
    this.answered = 0;
    this.build();
    this.hear = (message, buffers) => this.take(message, buffers);
    model.on("msg:custom", this.hear);
    this.look = () => this.awake() && this.ask();
    document.addEventListener("visibilitychange", this.look);
    this.clock = setInterval(() => this.tick(), PATIENCE);
    this.ask();
  }

  close() {
    this.model.off("msg:custom", this.hear);
    document.removeEventListener("visibilitychange", this.look);
    clearInterval(this.clock);
    this.sizes.disconnect();
    this.sight.disconnect();
    this.root.remove();
    this.send({ ask: "bye" });
  }

  // ---- the page

  build() {
    const button = (name, title, act) => {
      const made = element("button", { type: "button", className: `nslab-${name}`, title });
      made.addEventListener("click", act);
      return made;
    };
    this.filter = element("input", {
      type: "search",
      className: "nslab-filter",
      placeholder: "Filter: words, or source: destination: proto: info: length:>100 -not",
      spellcheck: false,
      autocomplete: "off",
      "aria-label": "Filter the packets",
    });
    this.filter.addEventListener("input", () => this.refilter());
    this.filter.addEventListener("keydown", (event) => this.keyInFilter(event));
    this.problem = element("span", { className: "nslab-problem", role: "alert" });
    this.pause = button("pause", "Hold this table still; the capture goes on", () => this.freeze());
    this.stop = button("stop", "End the capture", () => this.send({ ask: "stop" }));
    this.stop.textContent = "Stop";
    this.newest = button("newest", "Go to the newest packet and stay there", () => this.follow());
    this.newest.textContent = "↓ Newest";
    this.status = element("span", { className: "nslab-status", role: "status", "aria-live": "off" });
    this.lost = element("span", { className: "nslab-lost", role: "alert" });
    const bar = element("div", { className: "nslab-bar", role: "toolbar", "aria-label": "Capture" });
    bar.append(this.filter, this.pause, this.stop, this.newest, this.lost, this.status);

    this.head = element("div", { className: "nslab-head", role: "row", "aria-rowindex": "1" });
    this.rows = element("div", { className: "nslab-rows", role: "presentation" });
    this.space = element("div", { className: "nslab-space", role: "presentation" });
    this.body = element("div", { className: "nslab-body", role: "presentation" }, this.space, this.rows);
    this.empty = element("div", { className: "nslab-empty" });
    this.grid = element(
      "div",
      { className: "nslab-grid", role: "grid", tabIndex: 0, "aria-label": "Packets", "aria-readonly": "true" },
      this.head,
      this.body,
      this.empty,
    );
    this.body.addEventListener("scroll", () => this.scrolled());
    this.rows.addEventListener("mousedown", (event) => this.pick(event));
    this.grid.addEventListener("pointerenter", () => this.send({ ask: "soon" }), { once: true });
    this.grid.addEventListener("keydown", (event) => this.key(event));

    this.layers = element("div", { className: "nslab-layers", role: "tree", "aria-label": "Layers of the packet" });
    this.hex = element("div", { className: "nslab-hex", role: "img", "aria-label": "Bytes of the packet", tabIndex: 0 });
    this.info = element("div", { className: "nslab-info" });
    this.details = element("div", { className: "nslab-details", hidden: true }, this.info, this.layers, this.hex);
    this.layers.addEventListener("keydown", (event) => this.keyInLayers(event));
    this.details.addEventListener("keydown", (event) => event.key === "Escape" && this.shut(event));

    this.said = element("div", { className: "nslab-said" });
    this.root = element("div", { className: "nslab-table" }, bar, this.problem, this.grid, this.said, this.details);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.body);
    this.sight = new IntersectionObserver(([entry]) => {
      this.onscreen = entry.isIntersecting;
      if (this.onscreen) this.restore();
      this.look();
    });
    this.sight.observe(this.root);
  }

  heads() {
    const key = JSON.stringify([this.state.columns, this.wanted.sort, this.wanted.descending]);
    if (key === this.drawnHeads) return;
    const focused = this.head.contains(document.activeElement) ? document.activeElement.textContent : "";
    this.drawnHeads = key;
    this.head.replaceChildren(
      ...this.state.columns.map((name, index) => {
        const sorted = this.wanted.sort === name ? (this.wanted.descending ? "descending" : "ascending") : "none";
        const button = element("button", { type: "button", title: `Sort by ${name}`, tabIndex: -1 }, name);
        button.addEventListener("click", () => this.resort(name));
        if (focused === name) queueMicrotask(() => button.focus());
        return element(
          "div",
          {
            className: RIGHT.has(name) ? "nslab-cell nslab-right" : "nslab-cell",
            role: "columnheader",
            "aria-sort": sorted,
            "aria-colindex": String(index + 1),
          },
          button,
        );
      }),
    );
    this.grid.setAttribute("aria-colcount", String(this.state.columns.length));
  }

  // ---- talking with the kernel

  awake() {
    return !document.hidden && (!this.alive || (this.onscreen && this.root.isConnected));
  }

  send(message) {
    try {
      this.model.send({ ...message, view: this.name });
    } catch {
      // The kernel has gone; the table stays as it is.
    }
  }

  ask() {
    this.question += 1;
    this.asked = performance.now();
    const room = this.room();
    const first = Math.max(0, Math.floor(this.first) - MARGIN);
    this.send({
      ask: "rows",
      question: this.question,
      ...this.wanted,
      looked: this.state.looked,
      first,
      count: room + 2 * MARGIN,
      newest: this.following ? room + 20 : 0,
    });
  }

  tick() {
    if (!this.waiting() || !this.awake() || performance.now() - this.asked < this.patience) return;
    this.patience = Math.min(2 * this.patience, MOST_PATIENT);
    this.ask();
  }

  waiting() {
    return this.answered < this.question;
  }

  take(message, buffers) {
    if (message.view !== this.name) return;
    if (message.tell === "rows") this.takeRows(message);
    else if (message.tell === "packet") this.takePacket(message, buffers[0]);
  }

  takeRows(message) {
    if (message.question < this.settled) return; // of a filter that is no more
    this.answered = Math.max(this.answered, message.question);
    if (!this.waiting()) this.patience = PATIENCE;
    if (message.generation !== this.generation) this.forget();
    this.generation = message.generation;
    for (const number of message.changed) this.cache.delete(this.places.get(number));
    if (message.stale || this.cache.size > KEPT) this.forget();
    message.rows.forEach((row, index) => {
      this.cache.set(message.first + index, row);
      this.places.set(row[0], message.first + index);
    });
    Object.assign(this.state, message.state);
    this.alive = true;
    this.whenAlive?.();
    this.heads();
    this.draw();
    // What has been drawn is what the kernel may follow up: a browser that is slow, or looks away, is sent less.
    if (this.awake()) requestAnimationFrame(() => this.send({ ask: "more", serial: message.serial }));
  }

  forget() {
    this.cache.clear();
    this.places.clear();
  }

  refilter() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => {
      this.wanted.filter = this.filter.value;
      this.settle(true);
    }, 120);
  }

  resort(name) {
    const { sort, descending } = this.wanted;
    if (sort !== name) Object.assign(this.wanted, { sort: name, descending: false });
    else if (!descending) this.wanted.descending = true;
    else Object.assign(this.wanted, { sort: "", descending: false });
    this.following = !this.wanted.sort;
    this.heads();
    this.settle(true);
  }

  freeze() {
    this.wanted.frozen = !this.wanted.frozen;
    this.settle(false);
    this.draw();
  }

  settle(top) {
    if (top && !this.following) this.go(0);
    this.settled = this.question + 1;
    this.ask();
  }

  // ---- the rows in sight

  room() {
    return Math.max(1, Math.ceil(this.body.clientHeight / ROW));
  }

  full() {
    return Math.min(TALLEST, this.state.shown * ROW);
  }

  // Past TALLEST, a pixel of the scroll bar is more than a pixel of rows.
  scale() {
    const height = this.body.clientHeight;
    const hidden = this.state.shown * ROW - height;
    return hidden <= 0 ? 1 : hidden / Math.max(1, this.full() - height);
  }

  go(first) {
    const last = Math.max(0, this.state.shown - this.body.clientHeight / ROW);
    this.first = Math.min(Math.max(0, first), last);
    this.expected = (this.first * ROW) / this.scale();
    this.body.scrollTop = this.expected;
    this.expected = this.body.scrollTop;
  }

  // What is taken out of a page and put back begins at its top: outputs that are drawn anew, cells that were out of sight.
  restore() {
    if (Math.abs(this.body.scrollTop - this.expected) > 1) this.body.scrollTop = this.expected;
  }

  scrolled() {
    if (Math.abs(this.body.scrollTop - this.expected) < 1) return; // our own
    const before = this.first;
    this.first = (this.body.scrollTop * this.scale()) / ROW;
    this.expected = this.body.scrollTop;
    const bottom = this.body.scrollTop + this.body.clientHeight >= this.body.scrollHeight - 2;
    if (bottom) this.following = true;
    else if (this.first < before) this.following = false;
    this.draw();
  }

  follow() {
    this.following = true;
    this.wanted.frozen = false;
    this.settle(false);
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      if (this.root.isConnected) this.paint();
    });
  }

  paint() {
    const { shown, total, running } = this.state;
    const height = `${Math.max(this.full(), 1)}px`;
    if (this.space.style.height !== height) this.space.style.height = height;
    const lines = Math.min(Math.max(shown, running ? 8 : 1), 14);
    if (this.lines !== lines) {
      this.lines = lines;
      if (!this.resized()) this.body.style.height = this.given = `${lines * ROW}px`;
    }
    if (this.following && (running || this.ran) && !this.wanted.frozen) this.go(shown);
    this.ran = running;
    this.grid.setAttribute("aria-rowcount", String(shown + 1));
    const start = Math.max(0, Math.floor(this.first));
    const room = this.room() + 1;
    const end = Math.min(shown, start + room);
    let missing = false;
    for (let slot = 0; slot < Math.max(end - start, this.rows.childElementCount); slot += 1) {
      const place = start + slot;
      const line = this.rows.children[slot] ?? this.rows.appendChild(this.line());
      if (place >= end) {
        line.hidden = true;
        continue;
      }
      const row = this.cache.get(place);
      missing ||= !row;
      this.fill(line, row, place);
      row?.forEach((value, index) => this.widen(index, String(value).length));
    }
    this.rows.style.transform = `translateY(${-(this.first - start) * ROW}px)`;
    this.widen(0, String(total).length);
    this.setWidths();
    if (missing && !this.waiting() && this.awake()) this.ask();
    this.say(total, shown);
  }

  resized() {
    return this.given !== undefined && this.body.style.height !== this.given;
  }

  // Columns only grow, or the table would jump while one reads.
  widen(index, length) {
    const name = this.state.columns[index];
    this.widths ??= {};
    const least = LEAST[name] ?? 4;
    this.widths[name] = Math.min(WIDEST, Math.max(this.widths[name] ?? least, length));
  }

  setWidths() {
    const known = this.state.columns.slice(0, -1).map((name) => `${(this.widths[name] ?? LEAST[name]) + 0.5}ch`);
    const template = [...known, "minmax(20ch, 1fr)"].join(" ");
    if (template === this.template) return;
    this.template = template;
    this.root.style.setProperty("--nslab-columns", template);
  }

  line() {
    const line = element("div", { className: "nslab-row", role: "row" });
    line.id = `nslab-${this.name}-${this.rows.childElementCount}`;
    return line;
  }

  fill(line, row, place) {
    const { columns } = this.state;
    line.hidden = false;
    line.setAttribute("aria-rowindex", String(place + 2));
    const chosen = Boolean(row) && row[0] === this.selected;
    line.setAttribute("aria-selected", String(chosen));
    if (chosen) this.grid.setAttribute("aria-activedescendant", line.id);
    if (line.row === row && line.childElementCount === columns.length) return;
    line.row = row;
    while (line.childElementCount > columns.length) line.lastChild.remove();
    columns.forEach((name, index) => {
      const cell = line.children[index] ?? line.appendChild(element("div", { role: "gridcell" }));
      const text = row ? String(row[index]) : index === 0 ? "…" : "";
      cell.className = RIGHT.has(name) ? "nslab-cell nslab-right" : "nslab-cell";
      if (cell.textContent !== text) cell.textContent = text;
      cell.title = name === "Info" || text.length > 14 ? text : "";
    });
    const protocol = row ? String(row[columns.indexOf("Protocol")]) : "";
    line.dataset.family = protocol.toLowerCase().split(/[^a-z0-9]/, 1)[0].replace(/v[0-9]+$/, "");
    const info = row ? row[columns.indexOf("Info")] : "";
    line.classList.toggle("nslab-bad", BAD.test(info) || (!columns.includes("Point") && AMISS.test(info)));
  }

  say(total, shown) {
    const { lost, running, unread, problem, points, alarms, remarks, word } = this.state;
    const number = shown === total ? count(total, "packet") : `${shown.toLocaleString("en")} of ${count(total, "packet")}`;
    const reading = unread > 1_000 ? ` · ${unread.toLocaleString("en")} to read` : "";
    const held = this.wanted.frozen ? " · held still" : "";
    const busy = this.waiting() && this.patience > 8 * PATIENCE ? " · the kernel is busy" : "";
    this.status.textContent = `${number}${reading}${held}${busy}`;
    this.status.title = points.join(" ");
    this.lost.textContent = lost ? `${lost.toLocaleString("en")} lost` : "";
    this.problem.textContent = problem || "";
    this.filter.setAttribute("aria-invalid", String(Boolean(problem)));
    this.root.classList.toggle("nslab-running", running);
    this.pause.hidden = this.stop.hidden = !running;
    this.pause.textContent = this.wanted.frozen ? "Resume" : "Pause";
    this.pause.setAttribute("aria-pressed", String(this.wanted.frozen));
    this.newest.hidden = !(running && (!this.following || this.wanted.frozen));
    const said = JSON.stringify([alarms, remarks]);
    if (this.saidLast !== said) {
      this.saidLast = said;
      const red = alarms.map((line) => element("div", { className: "nslab-alarm" }, line));
      this.said.replaceChildren(...red, ...remarks.map((line) => element("div", {}, line)));
    }
    const nothing = total ? "No packet fits the filter." : word;
    this.empty.textContent = shown ? "" : nothing;
    this.empty.hidden = Boolean(shown);
  }

  // ---- a row's layers and bytes

  pick(event) {
    const line = event.target.closest(".nslab-row");
    if (!line?.row || event.button !== 0) return;
    this.select(line.row[0]);
    this.open();
  }

  select(number) {
    this.selected = number;
    this.following = false;
    this.draw();
  }

  open() {
    if (this.selected === null) return;
    this.opened = this.selected;
    this.send({ ask: "packet", number: this.selected });
  }

  shut(event) {
    event.stopPropagation();
    this.opened = null;
    this.details.hidden = true;
    this.grid.focus();
  }

  takePacket(message, buffer) {
    if (message.number !== this.opened) return;
    const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
    this.details.hidden = false;
    this.details.setAttribute("aria-label", `Packet ${message.number}`);
    this.info.textContent = message.info;
    this.showBytes(bytes, message);
    const open = new Set([...this.layers.querySelectorAll('[aria-expanded="true"]')].map((each) => each.dataset.title));
    const all = !this.layers.childElementCount;
    this.layers.replaceChildren(...message.layers.map((layer) => this.layer(layer, all || open.has(layer.title))));
    const first = this.layers.querySelector('[role="treeitem"]');
    if (first) first.tabIndex = 0;
  }

  layer({ title, from, to, fields }, expanded) {
    const group = element("div", { role: "group" });
    for (const [name, value, start, end] of fields) {
      const field = element(
        "div",
        { role: "treeitem", tabIndex: -1, className: "nslab-field" },
        element("span", { className: "nslab-name" }, name),
        element("span", { className: "nslab-value" }, value),
      );
      this.points(field, start, end);
      group.append(field);
    }
    const head = element("div", { className: "nslab-layer" }, title);
    const item = element("div", { role: "treeitem", tabIndex: -1, "aria-expanded": String(expanded) }, head, group);
    item.dataset.title = title;
    head.addEventListener("click", () => item.setAttribute("aria-expanded", String(item.ariaExpanded !== "true")));
    this.points(item, from, to);
    return item;
  }

  points(item, start, end) {
    const mark = (event) => {
      event.stopPropagation();
      for (const each of this.layers.querySelectorAll('[aria-selected="true"]')) each.removeAttribute("aria-selected");
      item.setAttribute("aria-selected", "true");
      this.mark(start, end);
    };
    item.addEventListener("click", (event) => {
      mark(event);
      item.focus();
    });
    item.addEventListener("focus", mark);
    item.addEventListener("mouseenter", () => this.mark(start, end));
  }

  showBytes(bytes, { captured, length }) {
    this.bytes = [];
    const lines = [];
    for (let at = 0; at < bytes.length; at += 16) {
      const line = element("div", {}, element("span", { className: "nslab-at" }, at.toString(16).padStart(4, "0")));
      const text = element("span", { className: "nslab-text" });
      for (let place = at; place < at + 16; place += 1) {
        const byte = bytes[place];
        const there = place < bytes.length;
        const hex = element("b", {}, there ? byte.toString(16).padStart(2, "0") : "  ");
        line.append(hex);
        if (!there) continue;
        const sign = element("b", {}, byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·");
        text.append(sign);
        this.bytes.push([hex, sign]);
      }
      line.append(text);
      lines.push(line);
    }
    if (captured < length || bytes.length < captured)
      lines.push(element("div", { className: "nslab-cut" }, `${bytes.length} of ${length} bytes are shown`));
    this.hex.replaceChildren(...lines);
  }

  mark(start, end) {
    this.bytes?.forEach((pair, place) => {
      for (const each of pair) each.classList.toggle("nslab-marked", place >= start && place < end);
    });
    const [first] = this.bytes?.[start] ?? [];
    if (first && end > start) {
      const top = first.parentElement.offsetTop - this.hex.offsetTop;
      if (top < this.hex.scrollTop || top > this.hex.scrollTop + this.hex.clientHeight - ROW) this.hex.scrollTop = top;
    }
  }

  // ---- the keyboard

  key(event) {
    if (event.target !== this.grid || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, this.room() - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "Enter" && this.opened === this.selected) this.layers.querySelector('[tabindex="0"]')?.focus();
    else if (event.key === "Enter") this.open();
    else if (event.key === "/") this.filter.focus();
    else if (event.key === "Escape" && !this.details.hidden) this.shut(event);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  move(step) {
    const { shown } = this.state;
    if (!shown) return;
    const at = this.places.get(this.selected);
    const from = at ?? (step > 0 ? Math.ceil(this.first) - 1 : Math.ceil(this.first) + 1);
    const place = Math.min(shown - 1, Math.max(0, from + step));
    const top = Math.ceil(this.first);
    const whole = Math.max(1, Math.floor(this.body.clientHeight / ROW));
    this.following = false;
    if (place < top) this.go(place);
    else if (place >= top + whole) this.go(place - whole + 1);
    this.reach(place);
  }

  // The row may still be on its way from the kernel.
  reach(place, tries = 40) {
    const row = this.cache.get(place);
    if (row) {
      this.select(row[0]);
      if (!this.details.hidden) this.open();
    } else if (tries) {
      this.draw();
      setTimeout(() => this.reach(place, tries - 1), 25);
    }
  }

  keyInFilter(event) {
    event.stopPropagation();
    if (event.key === "Escape" && this.filter.value) {
      this.filter.value = "";
      this.refilter();
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      this.grid.focus();
      if (this.selected === null) this.move(1);
    } else return;
    event.preventDefault();
  }

  keyInLayers(event) {
    const items = [...this.layers.querySelectorAll('[role="treeitem"]')].filter((item) => item.offsetParent);
    const at = items.indexOf(document.activeElement);
    const item = items[at];
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[Math.min(Math.max(0, to), items.length - 1)]?.focus();
    else if (event.key === "ArrowRight" && item?.ariaExpanded) item.ariaExpanded = "true";
    else if (event.key === "ArrowLeft" && item?.ariaExpanded) item.ariaExpanded = "false";
    else if (event.key === "ArrowLeft") item?.parentElement.closest('[role="treeitem"]')?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

// Where the static table is, now and later: outputs are drawn anew when they are updated, and in a second window.
function initialize({ model }) {
  const places = document.getElementsByClassName(`nslab-live-${model.get("key")}`);
  const views = [];
  const settle = () => {
    for (const place of places) {
      if (views.some((view) => view.place === place)) continue;
      const free = views.find((view) => !view.place.isConnected);
      const view = free ?? new View(model);
      view.place = place;
      view.before = [...place.childNodes];
      // Not before the kernel has answered: where there is none, the static table stays.
      view.whenAlive = () => {
        if (view.root.parentElement === view.place) return;
        view.before = [...view.place.childNodes];
        view.place.replaceChildren(view.root);
        view.restore();
      };
      if (free) view.whenAlive();
      else views.push(view);
      if (free) view.ask();
    }
  };
  const changes = new MutationObserver(settle);
  changes.observe(document.body, { childList: true, subtree: true });
  settle();
  return () => {
    changes.disconnect();
    for (const view of views) {
      view.close();
      if (view.place.isConnected) view.place.replaceChildren(...view.before);
    }
  };
}

function render({ model, el }) {
  const view = new View(model);
  el.append(view.root);
  return () => view.close();
}

export default { initialize, render };
