"use strict";
(() => {
  // What each chart shows, as ECharts' options; charts.js draws them and lets them be zoomed.
  const { data, number, minus, utc, safe, find } = window.report;
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  // zoom: the part of the run that is looked at, in ms; null: all of it.
  const view = { zoom: null, isHoldShown: false };

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "ink", "soft", "line", "grid", "gain", "loss", "accent", "other", "candle-up", "candle-down"];
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };
  const amount = (value, places = 2) =>
    minus(value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }));
  const short = (value) =>
    minus(
      Math.abs(value) >= 1e6
        ? value.toLocaleString("en-US", { maximumFractionDigits: 2, notation: "compact" })
        : value.toLocaleString("en-US", { maximumFractionDigits: 6 }),
    );

  const base = (c, more) => ({
    animation: false,
    useUTC: true,
    backgroundColor: "transparent",
    textStyle: { color: c.ink, fontFamily: "system-ui, sans-serif" },
    aria: { enabled: false }, // the figure has a label and a table of its own
    tooltip: {
      confine: true,
      backgroundColor: c.paper,
      borderColor: c.line,
      textStyle: { color: c.ink, fontSize: 13 },
      axisPointer: { lineStyle: { color: c.soft }, label: { show: false } },
    },
    ...more,
  });
  const axis = (c, more) => ({
    axisLine: { lineStyle: { color: c.line } },
    axisTick: { lineStyle: { color: c.line } },
    axisLabel: { color: c.soft, hideOverlap: true, fontSize: 12 },
    splitLine: { lineStyle: { color: c.grid } },
    nameTextStyle: { color: c.soft },
    ...more,
  });
  const DAY_MS = 86400000;
  const SIDES = { left: 24, right: 62, containLabel: false }; // the same in all charts over time
  const timeLabel = (ms) => {
    if (ms % 60000 !== 0 || ms === data.from_ms || ms === data.to_ms) return ""; // the ends of the run are no round times
    const date = new Date(ms);
    const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    return ms % DAY_MS === 0 ? day : date.toISOString().slice(11, 16);
  };
  const timeAxis = (c, more) =>
    axis(c, {
      type: "time",
      min: data.from_ms,
      max: data.to_ms,
      splitLine: { show: false },
      axisLabel: {
        color: c.soft,
        hideOverlap: true,
        fontSize: 12,
        formatter: timeLabel,
      },
      ...more,
    });
  const zooms = (c, indexes, more) => {
    const part = view.zoom ? { startValue: view.zoom[0], endValue: view.zoom[1] } : {};
    const slider = {
      type: "slider",
      xAxisIndex: indexes,
      left: 24,
      right: 62,
      height: 26,
      bottom: 6,
      borderColor: c.line,
      fillerColor: `${c.accent}22`,
      handleStyle: { color: c.accent, borderColor: c.accent },
      moveHandleStyle: { color: c.soft },
      dataBackground: { lineStyle: { color: c.soft }, areaStyle: { color: c.grid } },
      textStyle: { color: c.soft },
      labelFormatter: (ms) => utc(ms),
      showDetail: false,
      brushSelect: false,
      ...part,
      ...more,
    };
    // On a phone a finger scrolls the page; the slider and the buttons zoom.
    const wheel = { type: "inside", xAxisIndex: indexes, zoomOnMouseWheel: "ctrl", moveOnMouseMove: true, ...part };
    return coarse ? [slider] : [slider, wheel];
  };

  const tradeWords = (trade, what) => {
    const side = trade[1] > 0 ? "LONG" : "SHORT";
    const price = what === "entry" ? trade[5] : trade[6];
    const reason = data.reasons[what === "entry" ? trade[12] : trade[13]];
    return (
      `<b>#${trade[0]} ${side}, ${what}</b><br>${utc(what === "entry" ? trade[2] : trade[3])} UTC at ${price}` +
      `${reason ? `<br>${safe(reason)}` : ""}<br>net ${minus(trade[10])} ${safe(data.quote)}`
    );
  };

  // Marks shrink where many are seen at once, and grow again with the zoom.
  const markSize = () => {
    const [from, to] = view.zoom || [data.from_ms, data.to_ms];
    const seen = data.trades.reduce((count, t) => count + (t[3] >= from && t[2] <= to ? 1 : 0), 0);
    return Math.min(12, Math.max(3.5, 5 * Math.sqrt(find("chart-price").clientWidth / (4 * seen + 1))));
  };

  const priceOption = (c) => {
    const size = markSize();
    const marks = (name, trades, what, symbol, colour, more) => ({
      id: name,
      name,
      type: "scatter",
      progressive: 0,
      symbol,
      symbolSize: size,
      z: 5,
      itemStyle: { color: colour, borderColor: c.paper, borderWidth: 0.5, ...more },
      data: trades.map((t) => ({
        value: what === "entry" ? [t[2], number(t[5])] : [t[3], number(t[6])],
        trade: t,
        what,
      })),
    });
    const is = (test) => data.trades.filter(test);
    const won = (t) => number(t[10]) > 0;
    const path = (name, trades, colour) => ({
      name,
      type: "lines",
      progressive: 0,
      coordinateSystem: "cartesian2d",
      silent: true,
      clip: true,
      z: 4,
      lineStyle: { color: colour, width: 1.5, opacity: 0.8 },
      data: trades.map((t) => ({ coords: [[t[2], number(t[5])], [t[3], number(t[6])]] })),
    });
    const { t, o, h, l, c: close, seconds } = data.candles;
    const half = seconds * 500; // a candle stands in the middle of its time, so that its trades lie on it
    return base(c, {
      grid: { ...SIDES, top: 12, bottom: 62 },
      xAxis: timeAxis(c),
      yAxis: axis(c, { scale: true, position: "right", axisLabel: { color: c.soft, fontSize: 12, formatter: short } }),
      dataZoom: zooms(c, [0]),
      tooltip: {
        ...base(c).tooltip,
        trigger: "item",
        formatter: (item) => {
          if (item.data.trade) return tradeWords(item.data.trade, item.data.what);
          const [ms, open, last, low, high] = item.value;
          return (
            `<b>${utc(ms - half)} UTC</b><br>open ${amount(open)}<br>high ${amount(high)}` +
            `<br>low ${amount(low)}<br>close ${amount(last)}`
          );
        },
      },
      series: [
        {
          name: "price",
          type: "candlestick",
          progressive: 0, // all at once, also on paper
          large: false,
          data: t.map((ms, n) => [ms + half, o[n], close[n], l[n], h[n]]),
          barMaxWidth: 14,
          barMinWidth: 1,
          itemStyle: {
            color: c["candle-up"],
            borderColor: c["candle-up"],
            color0: c["candle-down"],
            borderColor0: c["candle-down"],
          },
        },
        path("won", is(won), c.gain),
        path("lost", is((t) => !won(t)), c.loss),
        marks("long entry", is((t) => t[1] > 0), "entry", "triangle", c.accent),
        marks("short entry", is((t) => t[1] < 0), "entry", "path://M0 0H10L5 9Z", c.other),
        marks("exit, won", is(won), "exit", "circle", c.gain),
        marks("exit, lost", is((t) => !won(t)), "exit", "rect", c.loss),
      ],
    });
  };

  const equityOption = (c) => {
    const { t, equity, fall, hold, hold_fall: holdFall } = data.equity;
    const line = (name, values, colour, grid, more) => ({
      name,
      type: "line",
      xAxisIndex: grid,
      yAxisIndex: grid,
      showSymbol: false,
      data: t.map((ms, n) => [ms, values[n]]),
      lineStyle: { color: colour, width: 2 },
      itemStyle: { color: colour },
      ...more,
    });
    const series = [
      line("equity", equity, c.accent, 0),
      line("drawdown", fall, c.loss, 1, { areaStyle: { color: c.loss, opacity: 0.2 }, lineStyle: { color: c.loss, width: 1 } }),
    ];
    if (view.isHoldShown && hold) {
      const dashed = { lineStyle: { color: c.other, width: 1.5, type: "dashed" } };
      series.push(line("buy and hold", hold, c.other, 0, dashed), line("its drawdown", holdFall, c.other, 1, dashed));
    }
    return base(c, {
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      grid: [
        { ...SIDES, top: 12, height: "52%" },
        { ...SIDES, top: "66%", bottom: 62 },
      ],
      xAxis: [timeAxis(c, { axisLabel: { show: false } }), timeAxis(c, { gridIndex: 1 })],
      yAxis: [
        axis(c, {
          scale: true,
          position: "right",
          splitNumber: 4,
          min: (v) => (v.min === v.max ? v.min * 0.99 : null), // a flat line needs a scale of its own
          max: (v) => (v.min === v.max ? v.max * 1.01 : null),
          axisLabel: { color: c.soft, fontSize: 12, formatter: short },
        }),
        axis(c, {
          gridIndex: 1,
          position: "right",
          max: 0,
          min: (v) => (v.min === 0 ? -1 : null),
          splitNumber: 2,
          axisLabel: { color: c.soft, fontSize: 12, formatter: (v) => `${minus(+v.toFixed(2))} %` },
        }),
      ],
      dataZoom: zooms(c, [0, 1]),
      tooltip: {
        ...base(c).tooltip,
        trigger: "axis",
        formatter: (items) =>
          `<b>${utc(items[0].value[0])} UTC</b>` +
          items
            .map((item) => {
              const isFall = item.seriesName.includes("drawdown");
              return `<br>${item.seriesName} ${amount(item.value[1])}${isFall ? " %" : ` ${safe(data.quote)}`}`;
            })
            .join(""),
      },
      series,
    });
  };

  const bars = (c, labels, values, more) => {
    const { isFlat = false, words } = more;
    const category = axis(c, {
      type: "category",
      data: labels,
      inverse: isFlat,
      axisTick: { show: false },
      axisLabel: { color: c.soft, fontSize: 12, hideOverlap: true, width: isFlat ? 110 : undefined, overflow: "truncate" },
    });
    const value = axis(c, { type: "value", splitNumber: 4, axisLabel: { color: c.soft, fontSize: 12, hideOverlap: true, formatter: short } });
    return base(c, {
      grid: { left: 6, right: 14, top: 14, bottom: 8, containLabel: true },
      xAxis: isFlat ? value : category,
      yAxis: isFlat ? category : value,
      tooltip: {
        ...base(c).tooltip,
        trigger: "axis",
        axisPointer: { type: "shadow", shadowStyle: { color: c.soft, opacity: 0.12 } },
        formatter: (items) => words(items[items.length - 1].dataIndex),
      },
      series: [
        {
          type: "bar",
          barCategoryGap: "18%",
          data: values.map((v) => ({ value: v, itemStyle: { color: v < 0 ? c.loss : c.gain } })),
        },
      ],
    });
  };

  const binsOption = (c) => {
    const middles = data.bins.map((bin) => (bin.low === null ? -1 : bin.high === null ? 1 : bin.low + bin.high));
    const option = bars(c, data.bins.map((bin) => minus(bin.label)), data.bins.map((bin) => bin.count), {
      words: (n) => `<b>${safe(minus(data.bins[n].words))}</b><br>${data.bins[n].count.toLocaleString("en-US")} trades`,
    });
    option.series[0].data.forEach((item, n) => {
      item.itemStyle.color = middles[n] < 0 ? c.loss : c.gain;
    });
    option.series[0].barCategoryGap = "4%";
    return option;
  };

  const costsOption = (c) => {
    // A waterfall: each bar starts where the one before it ended. Bars may cross zero: a custom box draws that rightly.
    let at = 0;
    const boxes = data.costs.map((row) => {
      const from = row.is_total ? 0 : at;
      const to = row.is_total ? row.value : at + row.value;
      at = to;
      return [from, to];
    });
    const option = bars(c, data.costs.map((row) => row.label), boxes.map((box) => box[1]), {
      isFlat: true,
      words: (n) => `<b>${safe(data.costs[n].label)}</b><br>${safe(minus(data.costs[n].text))} ${safe(data.quote)}`,
    });
    option.series = [
      {
        type: "custom",
        data: boxes.map((box, n) => [n, box[0], box[1], data.costs[n].value]),
        encode: { x: [1, 2], y: 0 },
        renderItem: (params, api) => {
          const from = api.coord([api.value(1), api.value(0)]);
          const to = api.coord([api.value(2), api.value(0)]);
          const height = api.size([0, 1])[1] * 0.66;
          const width = Math.max(1.5, Math.abs(to[0] - from[0]));
          return {
            type: "rect",
            shape: { x: Math.min(from[0], to[0]), y: from[1] - height / 2, width, height },
            style: { fill: api.value(3) < 0 ? c.loss : c.gain },
          };
        },
      },
    ];
    return option;
  };

  const groupWords = (row) =>
    `<b>${safe(row.title)}</b><br>${row.count.toLocaleString("en-US")} trades` +
    (row.count ? `<br>net ${safe(minus(row.net_text))} ${safe(data.quote)}<br>won ${safe(row.win_rate)}` : "");
  const hoursOption = (c) =>
    bars(c, data.hours.map((row) => row.name), data.hours.map((row) => row.net), { words: (n) => groupWords(data.hours[n]) });
  const exitsOption = (c) =>
    bars(c, data.exits.map((row) => row.name || "not named"), data.exits.map((row) => row.net), {
      isFlat: true,
      words: (n) => groupWords(data.exits[n]),
    });

  const options = {
    "chart-price": priceOption,
    "chart-equity": equityOption,
    "chart-bins": binsOption,
    "chart-costs": costsOption,
    "chart-hours": hoursOption,
    "chart-exits": exitsOption,
  };
  window.report.options = { options, colours, markSize, view };
})();
