// Draws the charts, shows their tooltips, and lets a legend pick one network in all panels of its figure.
"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const tip = document.getElementById("tip");
  const views = new Map(); // figure name -> its views

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
      line.appendChild(document.createElement(place ? "span" : "strong")).textContent = held;
    });
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 14 + box.width > innerWidth ? event.clientX - 14 - box.width : event.clientX + 14;
    const top = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }

  for (const place of document.querySelectorAll("[data-chart]")) {
    const view = new vega.View(vega.parse(specs[Number(place.dataset.chart)]), {
      renderer: "svg",
      container: place,
      hover: true,
      tooltip: showTip,
      logLevel: vega.Error,
    });
    const figure = place.dataset.figure;
    views.set(figure, [...(views.get(figure) ?? []), view]);
    view.runAsync().then(() => place.setAttribute("data-drawn", ""));
  }
  addEventListener("scroll", () => (tip.hidden = true), { passive: true });

  for (const legend of document.querySelectorAll("[data-legend]")) {
    const held = (views.get(legend.dataset.legend) ?? []).filter((view) => "picked" in view.getState().signals);
    const buttons = [...legend.querySelectorAll("button")];
    if (!held.length || buttons.length < 2) {
      buttons.forEach((button) => (button.disabled = true));
      continue;
    }
    const pick = (series) => held.forEach((view) => view.signal("picked", series).runAsync());
    const kept = () => buttons.find((button) => button.getAttribute("aria-pressed") === "true")?.dataset.series ?? null;
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button && on)));
        pick(kept());
      });
      button.addEventListener("mouseenter", () => pick(button.dataset.series));
      button.addEventListener("mouseleave", () => pick(kept()));
    }
  }

  // Paper shows everything: open what is folded away, then fold it again.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((fold) => (fold.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((fold) => (fold.open = false)));
})();
