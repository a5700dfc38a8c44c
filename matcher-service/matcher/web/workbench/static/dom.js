// Making elements.

/** An element with attributes and children; a child is an element or a text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** One of the page's icons; the word beside it says what it means. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const [made, use] = [document.createElementNS(space, "svg"), document.createElementNS(space, "use")];
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  made.append(use);
  return made;
}

/** Fills the element with an id. */
export function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

/** Shows or hides the element with an id. */
export function visible(id, isVisible) {
  document.getElementById(id).hidden = !isVisible;
}
