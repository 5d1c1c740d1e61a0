"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const find = (id) => document.getElementById(id);
  const number = (text) => parseFloat(text.replaceAll(",", ""));
  const minus = (text) => String(text).replace(/^-/, "\u2212");
  const utc = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  const safe = (text) => String(text).replace(/[&<>"']/g, (char) => escapes[char]);
  const held = (ms) => {
    const minutes = Math.round(ms / 60000);
    if (ms < 60000) return `${Math.round(ms / 1000)} s`;
    return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
  };

  // One row: number, side, opened ms, closed ms, quantity, entry, exit, gross, fees, funding, net, bps, reasons.
  const columns = [
    { title: "#", value: (t) => t[0], show: (t) => t[0], go: true },
    { title: "Side", value: (t) => t[1], show: (t) => (t[1] > 0 ? "LONG" : "SHORT"), text: true },
    { title: "Opened UTC", value: (t) => t[2], show: (t) => utc(t[2]), text: true, wide: true },
    { title: "Closed UTC", value: (t) => t[3], show: (t) => utc(t[3]), text: true, phone: (t) => utc(t[3]).slice(5) },
    { title: "Held", value: (t) => t[3] - t[2], show: (t) => held(t[3] - t[2]), wide: true },
    { title: "Quantity", value: (t) => number(t[4]), show: (t) => t[4], wide: true },
    { title: "Entry", value: (t) => number(t[5]), show: (t) => t[5], wide: true },
    { title: "Exit", value: (t) => number(t[6]), show: (t) => t[6], wide: true },
    { title: "Gross", value: (t) => number(t[7]), show: (t) => minus(t[7]), wide: true },
    { title: "Fees", value: (t) => number(t[8]), show: (t) => minus(t[8]), wide: true },
    { title: "Funding", value: (t) => number(t[9]), show: (t) => minus(t[9]), wide: true },
    { title: "Net", value: (t) => number(t[10]), show: (t) => minus(t[10]), signed: true },
    { title: "bps", value: (t) => t[11], show: (t) => minus(t[11].toFixed(1)), wide: true },
    { title: "Closed by", value: (t) => data.reasons[t[13]], show: (t) => data.reasons[t[13]], text: true, reason: true },
  ];

  let rows = data.trades.slice();
  let sorted = { column: 0, isDown: false };
  let page = 0;

  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const narrow = window.matchMedia("(max-width: 620px)");
  const rowsAPage = () => (narrow.matches ? 25 : 50);

  const cell = (column, trade) => {
    const box = document.createElement("td");
    const text = column.phone && narrow.matches ? column.phone(trade) : column.show(trade);
    if (column.go) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "go";
      button.textContent = text;
      button.setAttribute("aria-label", `Trade ${text}: show it in the price chart`);
      button.addEventListener("click", () => window.reportCharts && window.reportCharts.showTrade(trade));
      box.append(button);
    } else {
      box.textContent = text;
    }
    const kind = [column.text ? "text" : "", column.wide ? "wide" : "", column.reason ? "reason" : ""];
    if (column.signed) kind.push(column.value(trade) < 0 ? "loss" : column.value(trade) > 0 ? "gain" : "");
    box.className = kind.filter(Boolean).join(" ");
    return box;
  };

  const draw = () => {
    const body = find("trade-rows");
    const pages = Math.max(1, Math.ceil(rows.length / rowsAPage()));
    page = Math.min(Math.max(page, 0), pages - 1);
    const from = page * rowsAPage();
    const shown = rows.slice(from, from + rowsAPage());
    body.replaceChildren(
      ...shown.map((trade) => {
        const line = document.createElement("tr");
        line.append(...columns.map((column) => cell(column, trade)));
        return line;
      }),
    );
    const count = (n) => n.toLocaleString("en-US");
    find("trade-place").textContent = `${count(from + 1)} to ${count(from + shown.length)} of ${count(rows.length)}`;
    for (const id of ["page-first", "page-back"]) find(id).disabled = page === 0;
    for (const id of ["page-on", "page-last"]) find(id).disabled = page === pages - 1;
    find("trade-table").querySelectorAll("thead th").forEach((head, at) => {
      const way = sorted.isDown ? "descending" : "ascending";
      if (at === sorted.column) head.setAttribute("aria-sort", way);
      else head.removeAttribute("aria-sort");
    });
  };

  const sortBy = (at) => {
    sorted = { column: at, isDown: sorted.column === at ? !sorted.isDown : false };
    const { value } = columns[at];
    const sign = sorted.isDown ? -1 : 1;
    rows.sort((a, b) => sign * compare(value(a), value(b)) || a[0] - b[0]);
    page = 0;
    draw();
  };

  const prepareTable = () => {
    const head = document.createElement("tr");
    columns.forEach((column, at) => {
      const box = document.createElement("th");
      box.scope = "col";
      box.className = `${column.text ? "text" : ""} ${column.wide ? "wide" : ""}`.trim();
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.title;
      button.addEventListener("click", () => sortBy(at));
      box.append(button);
      head.append(box);
    });
    find("trade-head").append(head);
    const turn = { "page-first": () => 0, "page-back": () => page - 1, "page-on": () => page + 1, "page-last": () => 1e9 };
    for (const [id, to] of Object.entries(turn)) {
      find(id).addEventListener("click", () => {
        page = to();
        draw();
      });
    }
    find("all-columns").addEventListener("click", (event) => {
      const isAll = find("trade-table").classList.toggle("all");
      event.currentTarget.setAttribute("aria-pressed", String(isAll));
    });
    narrow.addEventListener("change", draw);
    draw();
  };

  window.report = { data, number, minus, utc, safe, find };
  if (data.trades.length) prepareTable();
})();
