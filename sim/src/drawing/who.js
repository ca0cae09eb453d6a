// Draws who saw whom, as the reader asks.
const NAMES = { A: "alive", S: "suspect", U: "unreachable", D: "down", L: "left", N: "not known" };
const ROWS = 48, LISTED = 300;

// What lies between stretches of time, from a start to an end. A millisecond is none.
function between(stretches, start, end) {
  const gaps = [];
  let from = start;
  for (const [begun, until] of [...stretches].sort((a, b) => a[0] - b[0])) {
    if (begun > from + 1) gaps.push([from, Math.min(begun, end)]);
    from = Math.max(from, until);
  }
  if (end > from + 1) gaps.push([from, end]);
  return gaps.filter(([a, b]) => b > a + 1);
}

class Who {
  constructor(figure, course) {
    Object.assign(this, { figure, course });
    const record = JSON.parse(figure.querySelector("script").textContent);
    Object.assign(this, record);
    // From when until when each node ran, as far as that is known, and was filmed.
    this.lives = Array.from({ length: this.nodes }, () => []);
    this.films = new Map();
    this.logs = new Map();
    const all = [[this.course.start, Math.min(this.ended ?? Infinity, this.course.end)]];
    for (const [observer, text, films] of this.of) this.read(observer, text, films ?? all);
    const [way, node] = figure.querySelectorAll("select");
    Object.assign(this, { way, node });
    way.onchange = () => this.offer(Number(node.value));
    node.onchange = () => this.draw();
    const svg = figure.querySelector("svg.nodes");
    svg.onclick = (event) => {
      const row = event.target.closest("[data-node]");
      if (row && !course.moved) this.show(way.value === "of" ? "by" : "of", Number(row.dataset.node));
    };
    svg.say = (event, field, ms) => this.say(event, field, ms);
    this.show("of", this.busiest());
  }

  read(observer, text, films) {
    const end = (at) => (films.find(([from, until]) => from <= at + 1 && at <= until) ?? films.at(-1))[1];
    let at = Math.floor(this.course.start), cause = 0;
    const log = [], lives = this.lives[observer];
    for (const [, letter, subject, since, why] of text.matchAll(/([A-Z])([0-9a-z]+)(?::([0-9a-z]+))?(?:=([0-9a-z]+))?/g)) {
      at += since ? parseInt(since, 36) : 0;
      cause = why ? parseInt(why, 36) : cause;
      const whom = parseInt(subject, 36);
      if (whom !== observer) log.push([at, whom, letter, cause]);
      else if (letter === "N") { if (lives.length) lives.at(-1)[1] = Math.min(at, lives.at(-1)[1]); }
      else lives.push([at, end(at)]);
    }
    this.films.set(observer, films);
    if (observer % this.every === 0) this.logs.set(observer, log);
  }

  name(node) { return this.names[node] ?? `node ${node}`; }

  // From when until when an observer saw somebody as what and why, given the changes of this pair.
  stretches(changes, observer) {
    const all = [];
    for (const [from, until] of this.lives[observer]) {
      let last = [from, until, "N", 0];
      all.push(last);
      for (const [at, letter, cause] of changes) {
        if (at < from || at > until || letter === last[2]) continue;
        last[1] = at;
        all.push(last = [at, until, letter, cause]);
      }
    }
    return all;
  }

  // The rows: who stands for each, who observes, who is observed, and how.
  rows(way, node) {
    const pairs = [];
    if (way === "by") {
      const of = new Map();
      for (const [at, subject, letter, cause] of this.logs.get(node) ?? []) {
        if (!of.has(subject)) of.set(subject, []);
        of.get(subject).push([at, letter, cause]);
      }
      for (let other = 0; other < this.nodes; other++) {
        if (other !== node) pairs.push([other, node, other, of.get(other) ?? []]);
      }
    } else {
      for (const [observer, log] of this.logs) {
        if (observer === node) continue;
        const changes = log.filter((change) => change[1] === node).map(([at, , letter, cause]) => [at, letter, cause]);
        pairs.push([observer, observer, node, changes]);
      }
    }
    return pairs.map(([row, observer, subject, changes]) => {
      const seen = this.stretches(changes, observer);
      const odd = seen.reduce((sum, [from, until, letter]) => sum + (letter === "A" ? 0 : until - from + 1), 0);
      return { row, observer, subject, seen, odd };
    });
  }

  // From when until when a node that was filmed did not run; of others that is not known.
  absences(node) {
    const films = this.films.get(node) ?? (this.alone ? [] : [[this.course.start, this.ended ?? this.course.end]]);
    return films.flatMap(([start, end]) => between(this.lives[node], start, end));
  }

  // From when until when nothing is known of what an observer saw.
  unfilmed(observer) {
    return between(this.films.get(observer) ?? [], this.course.start, this.course.end);
  }

  draw() {
    const way = this.way.value, node = Number(this.node.value);
    let all = this.rows(way, node);
    const total = all.length;
    if (total > ROWS) all = all.sort((a, b) => b.odd - a.odd).slice(0, ROWS).sort((a, b) => a.row - b.row);
    this.places = this.inZones(all);
    const place = (ms) => Math.min(Math.max(this.course.x(ms), 0), WIDTH).toFixed(1).replace(/\.0$/, "");
    const block = (kind, from, until, y, tall) =>
      `<path class="${kind}" d="M${place(from)} ${y}H${place(until)}v${tall}H${place(from)}z"/>`;
    const used = new Set();
    const parts = this.places.map((row, at) => {
      const y = at * 10;
      if (row.zone !== undefined) return "";
      const { observer, subject, seen } = row;
      const shapes = [];
      for (const [from, until, letter] of seen) {
        used.add(`v${letter}`);
        const [top, tall] = letter === "N" ? [y + 3, 3] : [y, 9];
        shapes.push(block(`v${letter}`, from, until, top, tall));
      }
      for (const [from, until] of this.absences(observer)) {
        used.add("vblind");
        shapes.push(block("vblind", from, until, y, 9));
      }
      for (const [from, until] of this.unfilmed(observer)) {
        used.add("vunfilmed");
        shapes.push(block("vunfilmed", from, until, y, 9));
        shapes.push(`<path class="vdots" d="M${place(from)} ${y + 4.5}H${place(until)}"/>`);
      }
      for (const [from, until] of this.absences(subject)) {
        used.add("vgone");
        shapes.push(block("vgone", from, until, y + 6, 3));
      }
      return `<g data-node="${row.row}">${shapes.join("")}</g>`;
    });
    const svg = this.figure.querySelector("svg.nodes"), height = Math.max(this.places.length, 1) * 10;
    svg.style.setProperty("--rows", Math.max(this.places.length, 1));
    const places = [...this.course.div.querySelectorAll(".numbers b")].map((number) => `M${number.dataset.x} 0V${height}`);
    const marks = `<path class="${places.length > 60 ? "mark many" : "mark"}" d="${places.join("")}"/>`;
    svg.innerHTML = this.bands() + parts.join("") + marks;
    svg.setAttribute("viewBox", `${this.course.from} 0 ${this.course.until - this.course.from} ${height}`);
    this.figure.querySelector(".names").innerHTML = this.places.map((row) => {
      if (row.zone !== undefined) return `<b>${html(row.zone)}</b>`;
      const name = html(this.name(row.row));
      return `<span>${name.startsWith("node ") ? `<i>node </i>${name.slice(5)}` : name}</span>`;
    }).join("");
    const kinds = Object.entries(NAMES).map(([letter, name]) => [`v${letter}`, name]).concat(
      [["vgone", "did not run"], ["vblind", "the observer did not run"], ["vunfilmed", "not filmed"]]);
    this.figure.querySelector(".legend").innerHTML = kinds.filter(([kind]) => used.has(kind)).map(([kind, name]) =>
      `<li data-kind="${kind}"><svg viewBox="0 0 1 1"><rect class="${kind}" width="1" height="1"/></svg>${name}</li>`).join("");
    const shown = total > ROWS ? `the ${ROWS} of ${total} with the least time alive` : `all ${total}`;
    let words = way === "of" ? `observers: ${shown}, a row each` : `${shown}, a row each`;
    if (this.every > 1) words += `; of many observers the page keeps one in ${this.every}`;
    if (this.ended !== null) words += `; nothing is kept after ${time(this.ended, 1e3)}`;
    this.figure.querySelector("figcaption .dim").textContent = words;
    this.list(all);
  }

  // The rows zone by zone, each zone under its name.
  inZones(all) {
    if (!this.zones) return all;
    const of = (row) => this.zones.of[row.row] ?? 0;
    const sorted = [...all].sort((a, b) => of(a) - of(b) || a.row - b.row), rows = [];
    sorted.forEach((row, at) => {
      const zone = of(row);
      if (at === 0 || of(sorted[at - 1]) !== zone) rows.push({ zone: `zone ${this.zones.names[zone] ?? zone}` });
      rows.push(row);
    });
    return rows;
  }

  bands() {
    const starts = this.places.map((row, at) => (row.zone !== undefined ? at : -1)).filter((at) => at >= 0);
    return starts.map((start, number) => {
      const end = starts[number + 1] ?? this.places.length;
      return number % 2 ? "" : `<rect class="band" x="0" y="${start * 10}" width="${WIDTH}" height="${(end - start) * 10}"/>`;
    }).join("");
  }

  // What is under the pointer: who sees whom as what, since when, and why.
  say(event, field, ms) {
    const box = field.getBoundingClientRect();
    const row = this.places[Math.floor(((event.clientY - box.top) / box.height) * this.places.length)];
    if (!row || row.zone !== undefined) return "";
    const found = row.seen.findLast(([from, until]) => from <= ms && ms <= until);
    if (found) return this.words(row, found);
    const within = ([from, until]) => from <= ms && ms <= until;
    const kind = this.unfilmed(row.observer).some(within) ? "was not filmed" : "did not run";
    return `${this.name(row.observer)} ${kind}`;
  }

  words({ observer, subject }, [from, , letter, cause]) {
    const why = this.causes[cause] ? ` (${this.causes[cause]})` : "";
    return `${this.name(observer)} sees ${this.name(subject)}: ${NAMES[letter]} since ${time(from, 1e3)}${why}`;
  }

  list(all) {
    const changes = all.flatMap(({ observer, subject, seen }) =>
      seen.filter(([, , letter], place) => place > 0 || letter !== "N").map(([at, , letter, cause]) => {
        const why = this.causes[cause] ? `, ${this.causes[cause]}` : "";
        const whom = html(`${this.name(observer)} sees ${this.name(subject)}`);
        return [at, `<span>${time(at, 300)}</span> ${whom}: <b>${NAMES[letter]}</b>${html(why)}`];
      }));
    changes.sort((a, b) => a[0] - b[0]);
    const items = changes.slice(0, LISTED).map(([, text]) => `<li>${text}</li>`);
    if (changes.length > LISTED) items.push(`<li>and ${changes.length - LISTED} more</li>`);
    this.figure.querySelector(".events").innerHTML = items.join("");
  }

  // Whose sight, by others, changed most.
  busiest() {
    const counts = new Map();
    for (const log of this.logs.values()) {
      for (const [, subject] of log) counts.set(subject, (counts.get(subject) ?? 0) + 1);
    }
    let most = 0;
    for (const [subject, count] of counts) {
      if (count > (counts.get(most) ?? 0) || (count === counts.get(most) && subject < most)) most = subject;
    }
    return most;
  }

  offer(wanted) {
    const nodes = this.way.value === "by" ? [...this.logs.keys()] : this.lives.map((_, other) => other);
    this.node.innerHTML = nodes.map((other) => `<option value="${other}">${html(this.name(other))}</option>`).join("");
    this.node.value = nodes.includes(wanted) ? wanted : nodes[0];
    this.draw();
  }

  show(way, wanted) {
    this.way.value = way;
    this.offer(wanted);
  }
}
