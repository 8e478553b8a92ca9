const PATIENCE = 5000; // ms until the page says that the kernel has not answered
const PAUSE = 800; // ms from a key until what is typed is sent to be kept
const TOLD = [10, 5, 1]; // minutes before the end that are said aloud

function render({ model, el }) {
  const root = element("section", {
    class: "drydock-panel drydock-interview", tabindex: "-1", "aria-label": model.get("label"), "data-lm-suppress-shortcuts": "true",
  });
  const clock = element("div", { class: "drydock-interview-clock", role: "timer", "aria-label": "Time left" });
  const body = element("div", { class: "drydock-panel-body", "aria-live": "polite", "aria-atomic": "true" });
  const form = element("form");
  const status = element("p", { class: "drydock-panel-status", role: "status" });
  const heard = element("p", { class: "drydock-interview-heard", role: "status" });
  root.append(clock, body, form, status, heard);
  el.append(root);
  let waiting = null; // for the kernel's answer
  let keeping = null; // what is typed, until nothing more is
  let ahead = null; // ms by which the kernel's clock is ahead of the browser's; null until the kernel has told
  let told = Infinity; // minutes left when they were last said

  const field = () => form.querySelector("textarea, input:not([type=checkbox])");
  const ticked = () => [...form.querySelectorAll("input:checked")].map((one) => one.value).join(" ");

  function keepNoMore() {
    clearTimeout(keeping);
    keeping = null;
  }

  function send(action) {
    if (waiting !== null) return;
    keepNoMore();
    waiting = setTimeout(() => {
      waiting = null;
      status.textContent = "No answer from the kernel. If it is busy, wait; if it was restarted, run this cell again: " +
        "what was typed until then is kept, and the time runs on.";
    }, PATIENCE);
    const typed = field();
    model.send({ turn: model.get("view").turn, action, typed: typed ? typed.value : ticked() });
  }

  function keep() {
    const { place, kind } = model.get("view");
    if (kind !== "long") return;
    keeping ??= setTimeout(() => {
      keeping = null;
      model.send({ action: "draft", place, typed: field().value });
    }, PAUSE);
  }

  function tell() {
    const { ends } = model.get("view");
    clock.hidden = ends === null || ahead === null;
    if (clock.hidden) return;
    const left = Math.max(0, Math.ceil(ends - (Date.now() + ahead) / 1000));
    const minutes = Math.floor(left / 60);
    clock.textContent = `${minutes}:${String(left % 60).padStart(2, "0")} left`;
    const mark = TOLD.find((each) => left <= each * 60 && told > each * 60);
    if (mark && told !== Infinity) heard.textContent = `${mark} ${mark === 1 ? "minute" : "minutes"} left`;
    told = left;
    if (left === 0) send("time");
  }

  function ticks(view) {
    const groups = new Map();
    for (const { key, text, group } of view.ticks) {
      if (!groups.has(group)) {
        const set = element("fieldset", { class: "drydock-whole" });
        set.append(element("legend", {}, group));
        groups.set(group, set);
        form.append(set);
      }
      const label = element("label");
      const words = element("span");
      words.innerHTML = text;
      const box = element("input", { type: "checkbox", value: key, "aria-keyshortcuts": key });
      label.append(box, element("kbd", { "aria-hidden": "true" }, key), words);
      groups.get(group).append(label);
    }
  }

  function show() {
    clearTimeout(waiting);
    waiting = null;
    const view = model.get("view");
    const hadFocus = root.contains(document.activeElement);
    const same = form.dataset.place === view.place;
    status.textContent = view.status;
    if (!same) {
      keepNoMore();
      heard.textContent = "";
      body.innerHTML = view.body;
      for (const link of body.querySelectorAll("a[href]")) connect(link, model.widget_manager);
      form.dataset.place = view.place;
      form.replaceChildren();
      if (view.field) {
        const label = element("label", { class: "drydock-whole" }, `${view.field} `);
        const made = view.kind === "long"
          ? element("textarea", { spellcheck: "true" })
          : element("input", { type: view.kind === "secret" ? "password" : "text", autocomplete: "off" });
        made.value = view.draft;
        made.addEventListener("input", keep);
        label.append(made);
        form.append(label);
      }
      ticks(view);
      for (const { action, label, keys } of view.buttons) {
        const button = element("button", { type: "button", value: action }, label);
        if (keys.length) button.setAttribute("aria-keyshortcuts", keys.join(" "));
        button.addEventListener("click", () => send(action));
        form.append(button);
      }
    }
    tell();
    if (hadFocus && !same) {
      (field() || form.querySelector("input, button") || root).focus({ preventScroll: true });
      root.scrollIntoView({ block: "nearest" });
    }
  }

  form.addEventListener("submit", (event) => event.preventDefault());

  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // JupyterLab listens further out: b would insert a cell, and Control+Enter run this one
    const { target, key } = event;
    const inText = target.matches("textarea, input:not([type=checkbox])");
    const onControl = ["BUTTON", "A"].includes(target.tagName) && ["Enter", " "].includes(key);
    if (event.altKey || onControl) return;
    const held = (event.ctrlKey || event.metaKey ? "Control+" : "") + (key.length === 1 ? key.toLowerCase() : key);
    const view = model.get("view");
    const pressed = view.buttons.find(({ keys }) => keys.includes(held));
    if (pressed && (!inText || key === "Enter")) {
      event.preventDefault();
      if (!event.repeat) send(pressed.action);
    } else if (!inText) {
      const box = [...form.querySelectorAll("input[type=checkbox]")].find((one) => one.value === held);
      if (!box) return;
      event.preventDefault();
      box.checked = !box.checked;
      box.focus({ preventScroll: true });
    }
  });

  function hear(message) {
    if (message.now !== undefined) {
      ahead = message.now * 1000 - Date.now();
      tell();
    } else if (message.kept === false) {
      status.textContent = `What you type is not kept: ${message.why}`;
    }
  }

  model.on("change:view", show);
  model.on("msg:custom", hear);
  show();
  model.send({ action: "clock" });
  const ticking = setInterval(tell, 500);
  // Whoever has just run the cell goes on by keyboard; whoever types elsewhere is left alone.
  requestAnimationFrame(() => {
    if (!isTyping()) (field() || form.querySelector("input, button") || root).focus({ preventScroll: true });
  });
  return () => {
    clearInterval(ticking);
    clearTimeout(waiting);
    keepNoMore();
    model.off("change:view", show);
    model.off("msg:custom", hear);
  };
}

export default { render };
