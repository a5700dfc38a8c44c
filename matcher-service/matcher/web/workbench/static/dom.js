// Making and changing elements.

/** An element with attributes and children; a child is an element or a text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A copy of one of the page's templates. */
export const copy = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

export const fill = (id, ...children) => document.getElementById(id).replaceChildren(...children);

export const visible = (id, isVisible) => { document.getElementById(id).hidden = !isVisible; };
