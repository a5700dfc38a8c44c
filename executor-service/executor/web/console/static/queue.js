// The queue: moved through by keyboard, and kept up to date.

import { tick } from "/assets/sentinai.js";

const rows = document.getElementById("rows");
const links = () => [...rows.querySelectorAll(".what a")];

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (!step) return;
  const all = links();
  const at = all.indexOf(document.activeElement);
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  if (next) {
    next.focus();
    event.preventDefault();
  }
});

async function refresh() {
  if (document.hidden) return;
  const response = await fetch(rows.dataset.refresh, { headers: { "X-Fragment": "rows" } }).catch(() => null);
  if (!response?.ok || response.redirected) return;
  const at = links().indexOf(document.activeElement);
  const href = at < 0 ? null : document.activeElement.getAttribute("href");
  rows.innerHTML = await response.text();
  tick();
  links().find((link) => link.getAttribute("href") === href)?.focus();
}

setInterval(refresh, 15000);
