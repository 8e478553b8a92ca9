function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function isTyping() {
  const active = document.activeElement;
  return Boolean(active && (active.isContentEditable || ["INPUT", "TEXTAREA"].includes(active.tagName)));
}

/** JupyterLab opens what a link names in a tab of its own; its address does not tell the browser where that is. */
async function connect(link, { context, rendermime }) {
  if (!context || !rendermime || !rendermime.linkHandler) return; // no JupyterLab: the browser follows the link
  const path = await context.urlResolver.resolveUrl(link.getAttribute("href"));
  rendermime.linkHandler.handleLink(link, decodeURIComponent(path), "");
}
