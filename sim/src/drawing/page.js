// Draws who saw whom, as the reader asks.
(() => {
  const NAMES = { A: "alive", S: "suspect", U: "unreachable", D: "down", L: "left", N: "not known" };
  const ROWS = 48, LISTED = 300, WIDTH = 1000;
  const seconds = (ms) => (ms / 1000).toFixed(3) + " s";

  function read(figure) {
    const record = JSON.parse(figure.querySelector("script").textContent);
    record.lives = Array.from({ length: record.nodes }, () => []);
    record.logs = new Map();
    for (const [observer, text] of record.of) {
      let at = 0;
      const log = [];
      for (const [, letter, subject, since] of text.matchAll(/([A-Z])([0-9a-z]+)(?::([0-9a-z]+))?/g)) {
        at += since ? parseInt(since, 36) : 0;
        const whom = parseInt(subject, 36);
        const lives = record.lives[observer];
        if (whom !== observer) log.push([at, whom, letter]);
        else if (letter === "N") { if (lives.length) lives.at(-1)[1] = Math.min(at, lives.at(-1)[1]); }
        else lives.push([at, record.end]);
      }
      if (observer % record.every === 0) record.logs.set(observer, log);
    }
    return record;
  }

  // From when until when an observer saw somebody as what, given the changes of this pair.
  function stretches(changes, lives) {
    const all = [];
    for (const [from, until] of lives) {
      let last = [from, until, "N"];
      all.push(last);
      for (const [at, letter] of changes) {
        if (at < from || at > until || letter === last[2]) continue;
        last[1] = at;
        all.push(last = [at, until, letter]);
      }
    }
    return all;
  }

  // The rows: who stands for each, who observes, who is observed, and how.
  function rows(record, way, node) {
    const pairs = [];
    if (way === "by") {
      const of = new Map();
      for (const [at, subject, letter] of record.logs.get(node) ?? []) {
        if (!of.has(subject)) of.set(subject, []);
        of.get(subject).push([at, letter]);
      }
      for (let other = 0; other < record.nodes; other++) {
        if (other !== node) pairs.push([other, node, other, of.get(other) ?? []]);
      }
    } else {
      for (const [observer, log] of record.logs) {
        if (observer === node) continue;
        const changes = log.filter((change) => change[1] === node).map(([at, , letter]) => [at, letter]);
        pairs.push([observer, observer, node, changes]);
      }
    }
    return pairs.map(([row, observer, subject, changes]) => {
      const seen = stretches(changes, record.lives[observer]);
      const odd = seen.reduce((sum, [from, until, letter]) => sum + (letter === "A" ? 0 : until - from + 1), 0);
      return { row, observer, subject, seen, odd };
    });
  }

  // From when until when a node did not run.
  function absences(lives, end) {
    const gaps = [];
    let from = 0;
    for (const [start, until] of lives) {
      if (start > from) gaps.push([from, start]);
      from = until;
    }
    if (end > from) gaps.push([from, end]);
    return gaps;
  }

  function draw(figure, record, way, node) {
    let all = rows(record, way, node);
    const total = all.length;
    if (total > ROWS) {
      all = all.sort((a, b) => b.odd - a.odd).slice(0, ROWS).sort((a, b) => a.row - b.row);
    }
    const x = (at) => Math.round((at * WIDTH) / record.end);
    const used = new Set();
    let gone = false, blind = false, unfilmed = false;
    let marks = "";
    const height = Math.max(all.length, 1) * 10;
    for (const mark of figure.previousElementSibling?.querySelectorAll(".mark") ?? []) {
      const place = /^M(\d+)/.exec(mark.getAttribute("d"))[1];
      marks += `<path class="mark" d="M${place} 0V${height}">${mark.innerHTML}</path>`;
    }
    let shapes = "";
    all.forEach(({ row, observer, subject, seen }, place) => {
      shapes += `<g data-node="${row}"><title>node ${subject} as node ${observer} saw it</title>`;
      for (const [from, until, letter] of seen) {
        used.add(letter);
        // What is too short to be drawn to scale is drawn all the same.
        const width = Math.max(x(until) - x(from), letter === "A" ? 0 : 2);
        const [y, tall] = letter === "N" ? [place * 10 + 3, 3] : [place * 10, 9];
        shapes += `<rect class="v${letter}" x="${x(from)}" y="${y}" width="${width}" height="${tall}"/>`;
      }
      if (record.ended !== undefined && record.ended < record.end) {
        unfilmed = true;
        const from = x(record.ended);
        shapes += `<rect class="vunfilmed" x="${from}" y="${place * 10}" width="${WIDTH - from}" height="9"/>`;
      }
      blind ||= absences(record.lives[observer], record.end).length > 0;
      for (const [from, until] of absences(record.lives[subject], record.end)) {
        gone = true;
        const width = Math.max(x(until) - x(from), 2);
        shapes += `<rect class="vgone" x="${x(from)}" y="${place * 10 + 6}" width="${width}" height="3"/>`;
      }
      shapes += "</g>";
    });
    const svg = figure.querySelector("svg.nodes");
    const each = Math.min(Math.max(Math.floor(240 / Math.max(all.length, 1)), 4), 14);
    svg.style.height = `${Math.max(all.length, 1) * each}px`;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
    svg.innerHTML = shapes + marks;
    const kinds = Object.keys(NAMES).filter((letter) => used.has(letter)).map((letter) => [`v${letter}`, NAMES[letter]]);
    if (gone) kinds.push(["vgone", "did not run"]);
    if (blind) kinds.push(["vblind", "observer did not run"]);
    if (unfilmed) kinds.push(["vunfilmed", "not filmed"]);
    figure.querySelector(".legend").innerHTML = kinds.map(([kind, name]) =>
      `<li><svg viewBox="0 0 1 1"><rect class="${kind}" width="1" height="1"/></svg>${name}</li>`).join("");
    const shown = total > ROWS ? `the ${ROWS} of ${total} with the least time alive` : `all ${total}`;
    let words = way === "of" ? `observers: ${shown}, a row each` : `${shown}, a row each`;
    if (record.every > 1) words += `; of many observers the page keeps one in ${record.every}`;
    if (record.ended !== undefined) words += `; nothing is kept after ${seconds(record.ended)}`;
    figure.querySelector("figcaption .dim").textContent = words;
    list(figure, all);
  }

  function list(figure, all) {
    const changes = all.flatMap(({ observer, subject, seen }) =>
      seen.filter(([, , letter], place) => place > 0 || letter !== "N").map(([at, , letter]) =>
        [at, `${seconds(at)} node ${observer} sees node ${subject}: ${NAMES[letter]}`]));
    changes.sort((a, b) => a[0] - b[0]);
    const items = changes.slice(0, LISTED).map(([, text]) => `<li>${text}</li>`);
    if (changes.length > LISTED) items.push(`<li>and ${changes.length - LISTED} more</li>`);
    figure.querySelector(".events").innerHTML = items.join("");
  }

  // Whose sight, by others, changed most.
  function busiest(record) {
    const counts = new Map();
    for (const log of record.logs.values()) {
      for (const [, subject] of log) counts.set(subject, (counts.get(subject) ?? 0) + 1);
    }
    let most = 0;
    for (const [subject, count] of counts) {
      if (count > (counts.get(most) ?? 0) || (count === counts.get(most) && subject < most)) most = subject;
    }
    return most;
  }

  function begin(figure) {
    const record = read(figure);
    const [way, node] = figure.querySelectorAll("select");
    const offer = (wanted) => {
      const nodes = way.value === "by" ? [...record.logs.keys()] : record.lives.map((_, other) => other);
      const chosen = nodes.includes(wanted) ? wanted : nodes[0];
      node.innerHTML = nodes.map((other) => `<option value="${other}">node ${other}</option>`).join("");
      node.value = chosen;
      draw(figure, record, way.value, chosen);
    };
    way.onchange = () => offer(Number(node.value));
    node.onchange = () => draw(figure, record, way.value, Number(node.value));
    const show = (direction, wanted) => {
      way.value = direction;
      offer(wanted);
    };
    figure.querySelector("svg.nodes").onclick = (event) => {
      const row = event.target.closest("[data-node]");
      if (row) show(way.value === "of" ? "by" : "of", Number(row.dataset.node));
    };
    show("of", busiest(record));
    return show;
  }

  for (const figure of document.querySelectorAll("figure.who")) {
    let show;
    const ready = () => (show ??= begin(figure));
    figure.hidden = false;
    // A page of many runs reads the record of one when the reader comes to it.
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watch.disconnect();
        ready();
      }
    }, { rootMargin: "400px" });
    watch.observe(figure);
    figure.previousElementSibling?.querySelector("svg.nodes")?.addEventListener("click", (event) => {
      const row = event.target.closest("[data-node]");
      if (row) ready()("of", Number(row.dataset.node));
    });
  }
})();
