// A sign-in link carries its token behind the #, where no server sees it. Here it becomes a session.

import { call, explain } from "/assets/sentinai.js";

const NEXT = "next";
const wanted = new URLSearchParams(location.search).get(NEXT);
// Whoever is sent here from a page comes back to it, with a link that is opened in the same tab.
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

const start = () => {
  if (location.hash.length > 1) signIn(location.hash.slice(1));
};
addEventListener("hashchange", start);
start();
