"use strict";
(() => {
  const { data, utc, find } = window.report;
  const { options, colours, markSize, view } = window.report.options;
  const charts = new Map();

  const drawAll = () => {
    const c = colours();
    for (const [id, option] of Object.entries(options)) {
      const box = find(id);
      if (!box) continue;
      if (!charts.has(id)) {
        const chart = echarts.init(box, null, { renderer: "canvas" });
        charts.set(id, chart);
        if (id === "chart-price" || id === "chart-equity") {
          chart.on("datazoom", () => keepZoom(chart));
        }
      }
      charts.get(id).setOption(option(c), { notMerge: true });
    }
  };

  const span = () => data.to_ms - data.from_ms;
  const keepZoom = (chart) => {
    const { startValue, endValue } = chart.getOption().dataZoom[0];
    view.zoom = endValue - startValue > 0.999 * span() ? null : [startValue, endValue];
    for (const id of ["chart-price", "chart-equity"]) {
      const other = charts.get(id);
      if (other && other !== chart) setZoom(other);
    }
    resizeMarks();
    sayZoom();
  };
  const setZoom = (chart) => {
    const [startValue, endValue] = view.zoom || [data.from_ms, data.to_ms];
    chart.setOption({ dataZoom: chart.getOption().dataZoom.map(() => ({ startValue, endValue })) });
  };
  const resizeMarks = () => {
    const symbolSize = markSize();
    const marks = ["long entry", "short entry", "exit, won", "exit, lost"];
    if (charts.has("chart-price")) charts.get("chart-price").setOption({ series: marks.map((id) => ({ id, symbolSize })) });
  };
  const sayZoom = () => {
    const said = find("zoom-said");
    if (said) said.textContent = view.zoom ? `${utc(view.zoom[0])} to ${utc(view.zoom[1])} UTC` : "";
  };
  const lookAt = (middle, width) => {
    const wide = Math.min(Math.max(width, 600000), span());
    const start = Math.min(Math.max(middle - wide / 2, data.from_ms), data.to_ms - wide);
    view.zoom = wide >= span() ? null : [start, start + wide];
    for (const id of ["chart-price", "chart-equity"]) if (charts.has(id)) setZoom(charts.get(id));
    resizeMarks();
    sayZoom();
  };
  const move = (widths, shift) => {
    const [from, to] = view.zoom || [data.from_ms, data.to_ms];
    lookAt((from + to) / 2 + shift * (to - from), (to - from) * widths);
  };

  window.reportCharts = {
    charts,
    showTrade: (trade) => {
      const least = Math.max(data.candles.seconds * 1000 * 40, 3600000);
      lookAt((trade[2] + trade[3]) / 2, Math.max(least, 6 * (trade[3] - trade[2])));
      const section = find("price");
      section.scrollIntoView({ block: "start" });
      section.focus({ preventScroll: true });
    },
  };

  const press = (id, act) => find(id) && find(id).addEventListener("click", act);
  press("zoom-in", () => move(0.5, 0));
  press("zoom-out", () => move(2, 0));
  press("zoom-earlier", () => move(1, -0.5));
  press("zoom-later", () => move(1, 0.5));
  press("zoom-all", () => lookAt((data.from_ms + data.to_ms) / 2, span()));
  press("hold-shown", (event) => {
    view.isHoldShown = !view.isHoldShown;
    event.currentTarget.setAttribute("aria-pressed", String(view.isHoldShown));
    drawAll();
  });

  drawAll();
  let waiting = 0;
  const resize = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => charts.forEach((chart) => chart.resize()));
  };
  window.addEventListener("resize", resize);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  // Paper is white: charts are printed as pictures in the light colours, at the width of a page.
  window.addEventListener("beforeprint", () => {
    document.documentElement.classList.add("print");
    charts.forEach((chart, id) => chart.resize({ width: Math.min(630, find(id).clientWidth) }));
    drawAll();
    charts.forEach((chart, id) => {
      chart.getZr().flush(); // paper does not wait for the next frame
      const picture = new Image();
      picture.className = "paper";
      picture.alt = find(id).getAttribute("aria-label");
      picture.src = chart.getDataURL({ pixelRatio: 2, backgroundColor: "#ffffff" });
      find(id).after(picture);
    });
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.classList.remove("print");
    document.querySelectorAll("img.paper").forEach((picture) => picture.remove());
    charts.forEach((chart) => chart.resize({ width: "auto" }));
    drawAll();
  });
  document.documentElement.dataset.ready = "true";
})();
