// Refreshes regions of a page in place: what the user typed, opened or focused is kept.

import { tick } from "/assets/sentinai.js";
import { Idiomorph } from "/assets/vendor/idiomorph.js";

const offline = document.getElementById("offline");
const expired = document.getElementById("session-expired");
const csrf = document.querySelector('meta[name="csrf-token"]');

/** Shows whether the page is up to date: "online", "offline" (no answer), or "expired" (no session). */
export function setConnection(state) {
  offline.hidden = state !== "offline";
  expired.hidden = state !== "expired";
}

/**
 * Fetches the regions again and shows them, unless `isOutdated` says that the fetched ones are older than the
 * shown ones. Resolves to whether they could be fetched.
 */
export async function refresh(address, isOutdated = () => false) {
  const response = await fetch(address, { headers: { "X-Fragment": "1" } }).catch(() => null);
  if (!response?.ok || response.redirected) {
    setConnection(response?.redirected ? "expired" : "offline");
    return false;
  }
  const regions = [...new DOMParser().parseFromString(await response.text(), "text/html").body.children];
  const main = regions.find(({ dataset }) => dataset.who);
  if (main.dataset.who !== document.getElementById(main.id).dataset.who) {
    // Somebody else is signed in. Until the page is gone, it must not get a token to write with.
    location.reload();
    return false;
  }
  if (!isOutdated(main)) for (const fresh of regions) show(document.getElementById(fresh.id), fresh);
  setToken(main.dataset.csrf);
  setConnection("online");
  return true;
}

/** Signing in again in another tab changes the CSRF token of the same person: the page sends it from now on. */
function setToken(token) {
  csrf.content = token;
  for (const field of document.getElementsByName("csrf_token")) field.value = token;
}

function show(region, fresh) {
  Idiomorph.morph(region, fresh, {
    callbacks: {
      beforeNodeMorphed: (old) => !old.matches?.("textarea, input, [data-local]"),
      beforeAttributeUpdated: (name, element) => !(name === "open" && element.matches("details")),
    },
  });
  tick();
}
