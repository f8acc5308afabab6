"use strict";
/* Draws the figures out of their packed data, in the colours of the theme, for screen and paper; gives them as CSV. */
const report = (() => {
  const root = document.documentElement;
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const given = new URLSearchParams(location.hash.slice(1));
  const FONT = 'Inter,"Segoe UI","Helvetica Neue",Arial,"Liberation Sans",sans-serif';
  const PAPER = { whole: 690, half: 330 }; // px of an A4 page's text width, and of half of it
  let paper = false;

  // ---- packed columns: base64 → numbers; −32768 of int16 and NaN of float32 are "no value"
  const KINDS = { i2: Int16Array, i4: Int32Array, f4: Float32Array };
  function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed.b), (c) => c.charCodeAt(0));
    const raw = new KINDS[packed.$](bytes.buffer);
    const flat = Array.from(raw, (v) => (packed.$ === "i2" && v === -32768) || v !== v ? null : v * packed.s + packed.o);
    if (packed.n.length < 2) return flat;
    return Array.from({ length: packed.n[0] }, (_, i) => flat.slice(i * packed.n[1], (i + 1) * packed.n[1]));
  }

  // ---- "$ink" and "$solar/.6" → colours of the present theme
  const styles = getComputedStyle(root);
  function colour(name) {
    const [token, opacity] = name.slice(1).split("/");
    const value = styles.getPropertyValue("--" + token).trim();
    if (!opacity) return value;
    const hex = value.length === 4 ? value.replace(/[0-9a-f]/gi, "$&$&") : value;
    const n = parseInt(hex.slice(1), 16);
    return `rgba(${n >> 16},${(n >> 8) & 255},${n & 255},${opacity})`;
  }

  function resolve(value) {
    if (typeof value === "string") return /^\$[a-z]/.test(value) ? colour(value) : value;
    if (Array.isArray(value)) return value.map(resolve);
    if (value === null || typeof value !== "object") return value;
    if (value.$ && value.b !== undefined) return value.cache || (value.cache = unpack(value));
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each)]));
  }

  function axis(own, extra) {
    return Object.assign({ gridcolor: colour("$hair"), linecolor: colour("$line"), zerolinecolor: colour("$ink3"), zerolinewidth: 1,
      tickcolor: colour("$line"), automargin: false }, extra, own);
  }

  function layout(spec, own, place) {
    const tick = { ticks: "outside", ticklen: 4, zeroline: false };
    const out = Object.assign({ separators: ".\u202f", showlegend: false, hovermode: "x unified", paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: FONT, size: 12, color: colour("$ink3") }, hoverlabel: { bgcolor: colour("$panel"), bordercolor: colour("$line"),
      font: { color: colour("$ink") } } }, own, { height: spec.height });
    out.xaxis = axis(own.xaxis, tick);
    out.yaxis = axis(own.yaxis);
    if (paper) {
      out.width = place.closest(".cols") ? PAPER.half : PAPER.whole;
      if (typeof out.xaxis.dtick === "number") out.xaxis.dtick *= 2;
    }
    return out;
  }

  function draw() {
    for (const [name, spec] of Object.entries(specs.figures)) {
      const place = document.getElementById("plot-" + name);
      if (place.dataset.paper !== String(paper)) Plotly.purge(place);
      place.dataset.paper = String(paper);
      Plotly.react(place, resolve(spec.traces), layout(spec, resolve(spec.layout), place),
        { displayModeBar: false, responsive: !paper, staticPlot: paper });
    }
    root.dataset.drawn = "yes";
  }

  function setPaper(on) {
    paper = on;
    const theme = root.dataset.theme;
    if (on) { root.dataset.screen = theme; root.dataset.theme = "light"; } else if (root.dataset.screen) root.dataset.theme = root.dataset.screen;
    if (window.Plotly) draw();
  }

  function setTheme(theme) {
    root.dataset.theme = theme;
    document.querySelectorAll(".seg button").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.theme === theme)));
    if (window.Plotly) draw();
  }

  // ---- CSV of what a figure shows
  function cell(value, isTime) {
    if (value === null || value === undefined) return "";
    if (isTime) return new Date(value).toISOString().slice(0, 19);
    if (typeof value === "number") return String(Number(value.toPrecision(6)));
    return `"${String(value).replace(/"/g, '""')}"`;
  }

  function csv(name) {
    const spec = specs.figures[name], traces = resolve(spec.traces), isTime = spec.layout.xaxis.type === "date";
    const head = isTime ? "time" + specs.zone : spec.layout.xaxis.title.text;
    const rows = [];
    if (traces[0].z) {
      rows.push([head, ...traces[0].y].join(","));
      traces[0].x.slice(0, traces[0].z[0].length).forEach((x, i) => rows.push([cell(x, isTime), ...traces[0].z.map((line) => cell(line[i]))].join(",")));
      return rows.join("\n") + "\n";
    }
    const groups = new Map(); // traces that share their times share a table
    for (const trace of traces.filter((t) => !t.text)) {
      const key = trace.x.length + ":" + trace.x[0] + ":" + trace.x[trace.x.length - 1];
      groups.set(key, [...(groups.get(key) || []), trace]);
    }
    for (const group of groups.values()) {
      rows.push([cell(head), ...group.map((t) => cell(t.name))].join(","));
      group[0].x.forEach((x, i) => rows.push([cell(x, isTime), ...group.map((t) => cell(t.y[i]))].join(",")));
    }
    return rows.join("\n") + "\n";
  }

  function save(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  document.addEventListener("click", (event) => {
    const data = event.target.dataset || {};
    if (data.fig) save(data.fig, csv(data.fig));
    if (data.csv) save(data.csv, specs.csv[data.csv]);
    if (data.theme && event.target.closest(".seg")) setTheme(data.theme);
    if (event.target.id === "more") {
      const all = document.getElementById("events").classList.toggle("all");
      event.target.setAttribute("aria-expanded", String(all));
      event.target.textContent = all ? "Show fewer" : event.target.dataset.text;
    }
  });
  const more = document.getElementById("more");
  if (more) more.dataset.text = more.textContent;

  const links = [...document.querySelectorAll("#nav a")];
  function mark() {
    let at = links[0];
    for (const link of links) if (document.querySelector(link.getAttribute("href")).getBoundingClientRect().top < 160) at = link;
    links.forEach((link) => link.classList.toggle("on", link === at));
  }
  addEventListener("scroll", mark, { passive: true });
  mark();

  addEventListener("beforeprint", () => setPaper(true));
  addEventListener("afterprint", () => setPaper(false));
  setTheme(given.get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  if (given.get("print")) setPaper(true);
  return { draw, csv, unpack };
})();
