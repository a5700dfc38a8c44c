// Brings regions of the page up to date in place: what is typed, opened or focused stays as it is.

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

/** Fetches regions anew and shows them, unless `isOld` says of the main one that it is. Whether that went well. */
export async function renew(address, isOld = () => false) {
  const response = await fetch(address, { headers: { "X-Fragment": "1" } }).catch(() => null);
  if (response?.redirected) say("over");
  else if (!response?.ok) say("away");
  else {
    const regions = [...new DOMParser().parseFromString(await response.text(), "text/html").body.children];
    const main = regions.find(({ dataset }) => dataset.who);
    if (main.dataset.who !== document.getElementById(main.id).dataset.who) location.reload();
    if (!isOld(main)) for (const fresh of regions) show(document.getElementById(fresh.id), fresh);
    hold(main.dataset.csrf);
    say("fresh");
    return true;
  }
  return false;
}

/** Whoever signs in anew, in whichever tab, has another token; from now on this page sends that one. */
function hold(token) {
  csrf.content = token;
  for (const field of document.getElementsByName("csrf_token")) field.value = token;
}

function show(region, fresh) {
  Idiomorph.morph(region, fresh, {
    callbacks: {
      beforeNodeMorphed: (old) => !old.matches?.("textarea, input, [data-own]"),
      beforeAttributeUpdated: (name, element) => !(name === "open" && element.matches("details")),
    },
  });
  tick();
}
