// Brings a region of the page up to date in place: what is typed, opened or focused stays as it is.

import { Idiomorph } from "/assets/idiomorph.js";
import { tick } from "/assets/sentinai.js";

const away = document.getElementById("away");
const over = document.getElementById("over");
const csrf = document.querySelector('meta[name="csrf-token"]');

/** Says whether what the page shows can be trusted to be new: "fresh", "away" (no answer), or "over" (no session). */
export function say(state) {
  away.hidden = state !== "away";
  over.hidden = state !== "over";
}

/** Fetches a region anew and shows it, unless `isOld` says of the answer that it is. Whether that went well. */
export async function renew(id, address, isOld = () => false) {
  const response = await fetch(address, { headers: { "X-Fragment": id } }).catch(() => null);
  if (response?.redirected) say("over");
  else if (!response?.ok) say("away");
  else {
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(id);
    if (!isOld(fresh)) show(document.getElementById(id), fresh);
    say("fresh");
    return true;
  }
  return false;
}

function show(region, fresh) {
  Idiomorph.morph(region, fresh, {
    callbacks: {
      beforeNodeMorphed: (old) => !old.matches?.("textarea, input, [data-own]"),
      beforeAttributeUpdated: (name, element) => !(name === "open" && element.matches("details")),
    },
  });
  csrf.content = region.dataset.csrf;
  tick();
}
