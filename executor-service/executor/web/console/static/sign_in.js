// A sign-in link carries its token behind the #, where no server sees it. Here it becomes a session.

import { call, explain } from "/assets/sentinai.js";

async function signIn(token) {
  history.replaceState(null, "", location.pathname);
  try {
    const answer = await call("POST", "/console/session", { token });
    location.replace(answer.next);
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
