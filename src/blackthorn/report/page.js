// Draws the charts, shows their tooltips, and lets a legend pick one network in all panels of its figure.
"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const tip = document.getElementById("tip");
  const views = new Map(); // figure name -> its charts as they are drawn

  function showTip(_, event, item, value) {
    if (value == null || value === "") {
      tip.hidden = true;
      return;
    }
    tip.replaceChildren();
    const lines = typeof value === "object" ? Object.entries(value) : [["", value]];
    lines.forEach(([name, held], place) => {
      const line = tip.appendChild(document.createElement("div"));
      if (place) line.appendChild(document.createElement("span")).textContent = name;
      line.appendChild(document.createElement(place ? "span" : "strong")).textContent = String(held).replace(/^-(?=[\d.])/, "−");
    });
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 14 + box.width > innerWidth ? event.clientX - 14 - box.width : event.clientX + 14;
    const top = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }

  for (const place of document.querySelectorAll("[data-panel]")) {
    const options = { mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, tooltip: showTip, logLevel: 1 };
    const { figure, panel } = place.dataset;
    const drawing = vegaEmbed(place, specs[figure][Number(panel)], options).then(({ view }) => {
      place.setAttribute("data-drawn", "");
      return view;
    });
    views.set(figure, [...(views.get(figure) ?? []), drawing]);
  }
  addEventListener("scroll", () => (tip.hidden = true), { passive: true });

  for (const legend of document.querySelectorAll("[data-legend]")) {
    const buttons = [...legend.querySelectorAll("button")];
    const drawings = views.get(legend.dataset.legend) ?? [];
    const pick = (series) =>
      Promise.all(drawings).then((drawn) => drawn.forEach((view) => view.signal("picked", series).runAsync()));
    const kept = () => buttons.find((button) => button.getAttribute("aria-pressed") === "true")?.dataset.series ?? null;
    for (const button of buttons.filter((_, place, all) => all.length > 1 && legend.dataset.pick !== undefined)) {
      button.disabled = false;
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button && on)));
        pick(kept());
      });
      button.addEventListener("mouseenter", () => pick(button.dataset.series));
      button.addEventListener("mouseleave", () => pick(kept()));
    }
  }

  // A heading sorts its table: largest first, smallest first, as it was. What has no number stays at the end.
  for (const table of document.querySelectorAll("table:has(.sort)")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    for (const heading of headings) {
      const button = heading.querySelector(".sort");
      if (!button) continue;
      button.disabled = false;
      button.addEventListener("click", () => {
        const order = { none: "descending", descending: "ascending", ascending: "none" }[heading.ariaSort];
        headings.forEach((other) => other.ariaSort && (other.ariaSort = other === heading ? order : "none"));
        const number = (row) => Number(row.cells[heading.cellIndex].dataset.sort ?? NaN);
        const sign = order === "descending" ? -1 : 1;
        const known = rows.filter((row) => !Number.isNaN(number(row)));
        const sorted = order === "none" ? rows : [...known.sort((a, b) => sign * (number(a) - number(b))), ...rows.filter((row) => !known.includes(row))];
        body.replaceChildren(...sorted);
        table.classList.toggle("sorted", order !== "none");
      });
    }
  }

  // A table that is cut off says so, and can be shown whole.
  const cut = [...document.querySelectorAll(".cutoff")];
  const look = () => cut.forEach((line) => {
    const table = line.previousElementSibling;
    line.hidden = !table.classList.contains("whole") && table.scrollHeight <= table.clientHeight + 1;
  });
  for (const line of cut) {
    const button = line.querySelector("button");
    const words = button.textContent;
    button.disabled = false;
    button.addEventListener("click", () => {
      const whole = line.previousElementSibling.classList.toggle("whole");
      button.textContent = whole ? "Show fewer" : words;
    });
  }
  look();
  addEventListener("resize", look, { passive: true });

  // Wide screens have room for the first images; phones show them when asked.
  if (matchMedia("(min-width: 641px)").matches) document.querySelectorAll("details[data-wide]").forEach((fold) => (fold.open = true));

  // Paper shows everything but most images: open what is folded away, then fold it again.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.gallery:not([data-wide]))")];
    opened.forEach((fold) => (fold.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((fold) => (fold.open = false)));
})();
