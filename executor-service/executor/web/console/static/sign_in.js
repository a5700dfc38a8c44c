// A sign-in link has its token behind the #, which browsers do not send. Here it is exchanged for a session.

import { call, explain } from "/assets/sentinai.js";

const NEXT = "next";
const wanted = new URLSearchParams(location.search).get(NEXT);
// A link opened in the tab that was redirected here leads back to the page that was asked for.
if (wanted) sessionStorage.setItem(NEXT, wanted);

async function signIn(token) {
  history.replaceState(null, "", location.pathname);
  try {
    const answer = await call("POST", "/console/session", { token });
    const before = sessionStorage.getItem(NEXT);
    sessionStorage.removeItem(NEXT);
    location.replace(before?.startsWith("/console/") ? before : answer.next);
  } catch (error) {
    const refusal = document.getElementById("refusal");
    refusal.querySelector("p").textContent = explain(error);
    refusal.hidden = false;
  }
}

function start() {
  if (location.hash.length > 1) signIn(location.hash.slice(1));
}
addEventListener("hashchange", start);
start();
