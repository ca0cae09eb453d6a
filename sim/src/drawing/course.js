// Zooms, pans and reads the figures of one run, which share their time.
const WIDTH = 20000;
const html = (text) => text.replace(/[&<>"]/g, (of) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[of]);

// A time, as precise as a view of this many milliseconds needs it.
function time(ms, span) {
  const decimals = span < 40 ? 4 : span < 400 ? 3 : span < 4e3 ? 2 : span < 4e4 ? 1 : 0;
  const s = ms / 1000;
  if (s < 600) return `${s.toFixed(Math.max(decimals, 1))} s`;
  const two = (of) => String(Math.floor(of)).padStart(2, "0");
  const rest = (s % 60).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  if (s < 7200) return `${Math.floor(s / 60)} min ${rest} s`;
  const hours = `${Math.floor(s / 3600)} h ${two((s / 60) % 60)} min`;
  return span < 4e6 ? `${hours} ${rest} s` : hours;
}

// A value in the unit that fits it.
function scaled(value, unit) {
  if (unit !== "B/s") return `${Math.round(value).toLocaleString("en")}${unit}`;
  for (const [least, step, name] of [[1e9, 1e9, "GB/s"], [1e6, 1e6, "MB/s"], [1e4, 1e3, "kB/s"]]) {
    if (value >= least) return `${Number((value / step).toPrecision(4))} ${name}`;
  }
  return `${Math.round(value).toLocaleString("en")} B/s`;
}

class Course {
  constructor(div) {
    this.div = div;
    this.start = Number(div.dataset.start);
    this.end = Number(div.dataset.end);
    this.from = 0;
    this.until = WIDTH;
    this.tools = div.querySelector(".tools");
    this.out = this.tools.querySelector("output");
    this.tools.hidden = false;
    this.tools.onclick = (event) => {
      const { zoom, pan, whole } = event.target.dataset;
      if (zoom) this.zoom(Number(zoom), 0.5);
      if (pan) this.pan(Number(pan) * (this.until - this.from));
      if (whole !== undefined) this.show(0, WIDTH);
    };
    for (const field of div.querySelectorAll(".field")) this.listen(field);
    // From something that was done to the next: that is what came of it.
    div.addEventListener("click", (event) => {
      const deed = event.target.closest("[data-x]");
      if (!deed) return;
      const x = Number(deed.dataset.x);
      const later = [...div.querySelectorAll(".numbers b")].map((other) => Number(other.dataset.x)).find((other) => other > x + 1);
      const wide = Math.min((later ?? WIDTH) - x, WIDTH / 10);
      this.show(x - wide / 8, x + Math.max(wide, 10));
    });
    window.addEventListener("resize", () => this.show(this.from, this.until));
    this.show(0, WIDTH);
  }

  // The time at a place, and the place of a time.
  at(x) { return this.start + ((this.end - this.start) * x) / WIDTH; }
  x(ms) { return ((ms - this.start) * WIDTH) / (this.end - this.start); }

  show(from, until) {
    const wide = Math.min(Math.max(until - from, 2), WIDTH);
    this.from = Math.min(Math.max(from, 0), WIDTH - wide);
    this.until = this.from + wide;
    for (const svg of this.div.querySelectorAll(".field > svg")) {
      svg.setAttribute("viewBox", `${this.from} 0 ${wide} ${svg.viewBox.baseVal.height}`);
    }
    const span = this.at(this.until) - this.at(this.from);
    for (const axis of this.div.querySelectorAll(".axis")) {
      [...axis.children].forEach((label, quarter) => {
        label.textContent = time(this.at(this.from + (wide * quarter) / 4), span);
      });
    }
    let free = -1;
    const numbers = this.div.querySelector(".numbers");
    const room = (34 / Math.max(numbers?.clientWidth ?? 0, 300)) * wide;
    for (const number of numbers?.children ?? []) {
      const x = Number(number.dataset.x) - this.from;
      number.hidden = x < 0 || x > wide || x < free;
      number.style.left = `${(x * 100) / wide}%`;
      if (!number.hidden) free = x + room;
    }
    this.tools.classList.toggle("near", wide < WIDTH);
    this.div.classList.toggle("near", wide < WIDTH);
  }

  zoom(by, place) {
    const wide = this.until - this.from;
    const center = this.from + wide * place;
    this.show(center - wide * by * place, center + wide * by * (1 - place));
  }

  pan(by) {
    const wide = this.until - this.from;
    const from = Math.min(Math.max(this.from + by, 0), WIDTH - wide);
    this.show(from, from + wide);
  }

  listen(field) {
    const place = (event) => {
      const box = field.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    };
    field.tabIndex = 0;
    field.setAttribute("aria-label", "a picture over time: plus and minus zoom, arrows pan, 0 shows all");
    field.addEventListener("keydown", ({ key }) => {
      const wide = this.until - this.from;
      if (key === "+" || key === "=") this.zoom(0.5, 0.5);
      else if (key === "-") this.zoom(2, 0.5);
      else if (key === "0") this.show(0, WIDTH);
      else if (key === "ArrowLeft") this.pan(-wide / 4);
      else if (key === "ArrowRight") this.pan(wide / 4);
    });
    field.addEventListener("wheel", (event) => {
      // What scrolls the page alone is left to it; pinching a touch pad comes as this with Ctrl.
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      if (event.ctrlKey) this.zoom(Math.exp(event.deltaY / 200), place(event));
      else this.pan(((event.deltaY || event.deltaX) / 1000) * (this.until - this.from));
    }, { passive: false });
    field.addEventListener("dblclick", (event) => this.zoom(0.25, place(event)));
    const held = new Map();
    field.addEventListener("pointerdown", (event) => {
      held.set(event.pointerId, event.clientX);
      this.moved = false;
      this.read(field, event, place(event));
    });
    field.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (before === undefined) {
        this.read(field, event, place(event));
        return;
      }
      const box = field.getBoundingClientRect();
      const wide = this.until - this.from;
      if (held.size === 2) {
        const [other] = [...held].filter(([id]) => id !== event.pointerId);
        const apart = [Math.abs(before - other[1]), Math.abs(event.clientX - other[1])];
        this.zoom(Math.max(apart[0], 8) / Math.max(apart[1], 8), (other[1] - box.left) / box.width);
      } else if (this.moved || Math.abs(event.clientX - before) > 4) {
        if (!this.moved) field.setPointerCapture(event.pointerId);
        this.moved = true;
        this.pan(((before - event.clientX) / box.width) * wide);
      } else return;
      held.set(event.pointerId, event.clientX);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      field.addEventListener(end, (event) => held.delete(event.pointerId));
    }
    field.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") for (const line of this.div.querySelectorAll(".cursor")) line.remove();
    });
  }

  // Says what is under the pointer, and shows the same moment in all figures.
  read(field, event, place) {
    const x = this.from + place * (this.until - this.from);
    const ms = this.at(x);
    for (const other of this.div.querySelectorAll(".field")) {
      let line = other.querySelector(".cursor");
      if (!line) {
        line = document.createElement("div");
        line.className = "cursor";
        other.append(line);
      }
      line.style.left = `${place * 100}%`;
    }
    const words = [time(ms, (this.at(this.until) - this.at(this.from)) / 10)];
    const svg = field.querySelector("svg");
    const row = event.target.closest?.("[data-node]");
    if (svg.dataset.most) words.push(scaled(valueAt(svg, x), svg.dataset.unit));
    else if (svg.say) words.push(svg.say(event, field, ms));
    else if (row) words.push(this.name(field, row), kindOf(field, event.target));
    const deed = this.deedAt(x);
    if (deed) words.push(deed);
    this.out.textContent = words.filter(Boolean).join(" · ");
  }

  name(field, row) {
    const rows = [...field.querySelectorAll("[data-node]")].indexOf(row);
    return field.previousElementSibling.querySelectorAll("span")[rows]?.textContent ?? "";
  }

  // What was done here, if it was done near enough for a finger.
  deedAt(x) {
    const near = (this.until - this.from) / 80;
    let best = null;
    for (const item of this.div.querySelectorAll(".events > li[data-x]")) {
      const off = Math.abs(Number(item.dataset.x) - x);
      if (off <= near && (!best || off < best[0])) best = [off, item];
    }
    return best && best[1].textContent;
  }
}

// The kind of stretch under the pointer, in the words of the legend.
function kindOf(field, target) {
  const kind = target.getAttribute("class");
  const legend = field.closest("figure").querySelector(`.legend [data-kind="${kind}"]`);
  return legend ? legend.textContent : "";
}

// The value of a chart at a place.
function valueAt(svg, x) {
  svg.points ??= [...(svg.querySelector(".edge")?.getAttribute("d") ?? "").matchAll(/[ML](\d+) (\d+)/g)].map(([, at, y]) => [Number(at), Number(y)]);
  const after = svg.points.findIndex(([at]) => at >= x);
  const [a, b] = after < 0 ? [svg.points.at(-1), svg.points.at(-1)] : [svg.points[Math.max(after - 1, 0)], svg.points[after]];
  if (!a) return 0;
  const y = b[0] === a[0] ? b[1] : a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0]);
  return ((1000 - y) / 960) * Number(svg.dataset.most);
}
