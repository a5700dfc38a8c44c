// Creating and changing elements.

/** An element with attributes and children (elements or texts). */
export function element(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  created.append(...children);
  return created;
}

/** A copy of one of the page's templates. */
export const copy = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

export const fill = (id, ...children) => document.getElementById(id).replaceChildren(...children);

export const visible = (id, isVisible) => {
  document.getElementById(id).hidden = !isVisible;
};
