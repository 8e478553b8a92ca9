const PATIENCE = 5000; // ms until the page says that the kernel has not answered

function render({ model, el }) {
  const root = element("section", {
    class: "drydock-panel", tabindex: "0", "aria-label": model.get("label"),
  });
  const body = element("div", { class: "drydock-panel-body", "aria-live": "polite", "aria-atomic": "true" });
  const form = element("form");
  const status = element("p", { class: "drydock-panel-status", role: "status" });
  root.append(body, form, status);
  el.append(root);
  let timer = null;

  function send(action) {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      status.textContent = "No answer from the kernel, so nothing is saved yet. If it is busy, wait; if it was " +
        "restarted, run this cell again.";
    }, PATIENCE);
    const field = form.querySelector("input[type=text]");
    const ticked = [...form.querySelectorAll("input:checked")].map((box) => box.value).join("\n");
    model.send({ turn: model.get("view").turn, action, typed: field ? field.value : ticked });
  }

  function show() {
    clearTimeout(timer);
    timer = null;
    const view = model.get("view");
    const hadFocus = root.contains(document.activeElement);
    const before = form.querySelector("input[type=text]");
    const typed = before && before.dataset.body === view.body ? before.value : "";
    if (body.dataset.html !== view.body) {
      body.innerHTML = view.body;
      body.dataset.html = view.body;
      for (const link of body.querySelectorAll("a[href]")) connect(link, model.widget_manager);
    }
    form.replaceChildren();
    if (view.field) {
      const label = element("label", {}, `${view.field} `);
      const field = element("input", { type: "text", autocomplete: "off" });
      field.value = typed;
      field.dataset.body = view.body;
      label.append(field);
      form.append(label);
    }
    for (const { legend, boxes } of view.groups) {
      const group = element("fieldset");
      group.append(element("legend", {}, legend));
      for (const [value, text, ticked] of boxes) {
        const label = element("label");
        const box = element("input", { type: "checkbox", value });
        box.checked = ticked;
        label.append(box, ` ${text}`);
        group.append(label);
      }
      form.append(group);
    }
    const submits = Boolean(view.field || view.groups.length);
    for (const { action, label, keys } of view.buttons) {
      const button = element("button", { type: submits ? "submit" : "button", value: action }, label);
      if (keys.length) {
        button.setAttribute("aria-keyshortcuts", keys.map((key) => (key === " " ? "Space" : key)).join(" "));
      }
      if (!submits) button.addEventListener("click", () => send(action));
      form.append(button);
    }
    status.textContent = view.status;
    if (hadFocus) {
      (form.querySelector("input") || root).focus({ preventScroll: true });
      const isLong = root.offsetHeight > window.innerHeight * 0.8;
      root.scrollIntoView({ block: isLong ? "start" : "nearest" });
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.submitter ? event.submitter.value : model.get("view").buttons[0].action);
  });

  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // JupyterLab listens further out: b would insert a cell, and Enter would never submit
    const onControl = ["BUTTON", "A"].includes(event.target.tagName) && ["Enter", " "].includes(event.key);
    const onField = event.target.tagName === "INPUT" && (event.target.type === "text" || ["Enter", " "].includes(event.key));
    if (event.ctrlKey || event.metaKey || event.altKey || onControl || onField) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key; // Caps Lock is no other answer
    const pressed = model.get("view").buttons.find(({ keys }) => keys.includes(key));
    if (!pressed) return;
    event.preventDefault();
    if (!event.repeat) send(pressed.action);
  });

  model.on("change:view", show);
  show();
  // Whoever has just run the cell goes on by keyboard; whoever types elsewhere is left alone.
  requestAnimationFrame(() => { if (!isTyping()) (form.querySelector("input") || root).focus({ preventScroll: true }); });
  return () => { clearTimeout(timer); model.off("change:view", show); };
}

export default { render };
