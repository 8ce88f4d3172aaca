// What the HTML report can do beyond being read: search, sort, filter, zoom, copy. It changes what is shown
// and asks nobody for anything; the page is whole without it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;
  root.classList.add("js");

  // Light or dark: the other one than now.
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // Copy, or select where copying is not allowed.
  for (const button of all("[data-copy]")) {
    button.setAttribute("aria-label", "copy " + button.previousElementSibling.textContent);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "copied";
        setTimeout(() => (button.textContent = "copy"), 1200);
      } catch {
        getSelection().selectAllChildren(button.previousElementSibling);
      }
    });
  }

  // A link into something folded opens it.
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();

  // Search in tables.
  const hiddenBy = (row, why, is) => {
    row.dataset[why] = is ? "1" : "";
    row.hidden = Boolean(row.dataset.search || row.dataset.off);
  };
  for (const input of all("input[data-filter]")) {
    const folded = document.querySelector(`[data-more="${input.dataset.filter}"]`);
    const rows = [...all("#" + input.dataset.filter + " tbody tr"), ...(folded ? all("tbody tr", folded) : [])];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const count = document.querySelector(`[data-count="${input.dataset.filter}"]`);
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      rows.forEach((row, at) => hiddenBy(row, "search", !texts[at].includes(wanted)));
      if (folded && wanted) folded.open = true;
      count.textContent = wanted ? rows.filter((row) => !row.hidden).length + " of " + rows.length : "";
    });
  }

  // Sort tables by a column.
  const key = (row, column) => {
    const cell = row.children[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const compare = (a, b) => {
          const [x, y] = [key(a, column), key(b, column)];
          return typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
        };
        // What is folded is of the same table: its first rows are those that show.
        const bodies = [table, ...all(`[data-more="${table.id}"] table`)].map((part) => part.tBodies[0]);
        const sizes = bodies.map((body) => body.rows.length);
        const rows = bodies.flatMap((body) => [...body.rows]);
        rows.sort((a, b) => (down ? -compare(a, b) : compare(a, b)));
        bodies.forEach((body, at) => body.append(...rows.splice(0, sizes[at])));
      });
    });
  }

  // Lanes of the time line.
  for (const box of all("input[data-lane]")) {
    box.addEventListener("change", () => {
      const of = (selector) => all(selector).filter((one) => one.dataset.lane === box.dataset.lane);
      of("#steps tr").forEach((row) => hiddenBy(row, "off", !box.checked));
      of(".tick").forEach((tick) => tick.setAttribute("visibility", box.checked ? "visible" : "hidden"));
    });
  }

  // Zoom of the time line: marks move and keep their height.
  const times = document.querySelector(".times");
  if (times) {
    const width = Number(times.dataset.width);
    let [from, until] = [0, width];
    const ticks = all(".tick", times);
    const place = () => {
      for (const tick of ticks) {
        const scale = width / (until - from);
        tick.setAttribute("x", (Number(tick.dataset.x) - from) * scale);
        tick.setAttribute("width", Math.max(4, Number(tick.dataset.w) * scale));
      }
    };
    const zoom = {
      in: () => [from + (until - from) / 4, until - (until - from) / 4],
      out: () => [Math.max(0, from - (until - from) / 2), Math.min(width, until + (until - from) / 2)],
      left: () => [from - Math.min(from, (until - from) / 3), until - Math.min(from, (until - from) / 3)],
      right: () => {
        const by = Math.min(width - until, (until - from) / 3);
        return [from + by, until + by];
      },
    };
    for (const button of all("[data-zoom]")) {
      button.addEventListener("click", () => {
        [from, until] = zoom[button.dataset.zoom]();
        place();
      });
    }
    for (const tick of ticks) {
      tick.addEventListener("click", () => (location.hash = "step" + tick.dataset.step));
    }
  }

  // Zoom of the flame graph.
  const flame = document.querySelector(".flame");
  if (flame) {
    const frames = all(".frame", flame).map((group) => ({
      group, x: Number(group.dataset.x), width: Number(group.dataset.w), rect: group.querySelector("rect"),
    }));
    const show = (left, width) => {
      const scale = 1200 / width;
      for (const frame of frames) {
        const x = Math.max(0, (frame.x - left) * scale);
        const end = Math.min(1200, (frame.x + frame.width - left) * scale);
        const wide = end - x;
        frame.group.setAttribute("visibility", wide > 0.3 ? "visible" : "hidden");
        frame.rect.setAttribute("x", x);
        frame.rect.setAttribute("width", Math.max(0, wide));
        let text = frame.group.querySelector("text");
        if (!text && wide > 24) {
          text = document.createElementNS("http://www.w3.org/2000/svg", "text");
          text.setAttribute("y", Number(frame.rect.getAttribute("y")) + 13);
          frame.group.append(text);
        }
        if (text) {
          const room = Math.max(0, Math.floor((wide - 6) / 6.4));
          const name = frame.group.dataset.name;
          text.textContent = name.length > room ? (room > 1 ? name.slice(0, room - 1) + "…" : "") : name;
          text.setAttribute("x", x + 3);
        }
      }
    };
    for (const frame of frames) frame.group.addEventListener("click", () => show(frame.x, frame.width));
    addEventListener("keydown", (event) => { if (event.key === "Escape") show(0, 1200); });
  }
})();
