// The queue: keyboard navigation, and a refresh every few seconds.

import { refresh } from "/console/assets/live.js";

const REFRESH_MILLISECONDS = 15000;
const links = () => [...document.querySelectorAll("#rows .what a")];

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (!step) return;
  const all = links();
  const current = all.indexOf(document.activeElement);
  const next = all[Math.min(Math.max(current + step, 0), all.length - 1)];
  if (!next) return;
  next.focus();
  event.preventDefault();
});

document.getElementById("filters").addEventListener("formdata", ({ formData }) => {
  // Empty filters are left out of the address.
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

setInterval(() => {
  if (!document.hidden) refresh(document.getElementById("rows").dataset.refresh);
}, REFRESH_MILLISECONDS);
