// Says things at the lower edge of the page, and to screen readers.

export function say(text) {
  const line = document.querySelector("#notice");
  // The same words again are said again.
  line.replaceChildren();
  line.append(text);
}

/** Offer to do something. Screen readers hear the first offer only, so that a busy desk is not a chatty one. */
export function offer(text, label, act) {
  const place = document.querySelector("#offer");
  if (place.hidden) say(`${text}. Press . to ${label.toLowerCase()}.`);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "first";
  button.setAttribute("aria-keyshortcuts", ".");
  button.append(`${label} `, Object.assign(document.createElement("kbd"), { textContent: "." }));
  button.addEventListener("click", act);
  const held = place.contains(document.activeElement);
  place.replaceChildren(`${text} `, button);
  place.hidden = false;
  if (held) button.focus();
}

export function takeOffer() {
  document.querySelector("#offer:not([hidden]) button")?.click();
}
