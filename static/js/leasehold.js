// Leasehold: enhancement only. Every page reads and submits without this file.

const root = document.documentElement;
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

const remember = (key, value) => {
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
  } catch {
    // Storage is closed to us: the choice lasts as long as the page.
  }
  return value ?? null;
};

// Colour scheme: the system's, until the reader chooses.
const toggleTheme = () => {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = remember("theme", dark ? "light" : "dark");
};

// Copy the full hash that stands shortened beside the button.
const copy = async (button) => {
  const status = one("#said");
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    status.textContent = "Copied.";
  } catch {
    status.textContent = "The browser refused to copy.";
  }
};

// What a button would open as a page of its own, opened as a dialog on this one.
const openDialog = (event) => {
  const dialog = document.getElementById(event.target.closest("[data-dialog]")?.dataset.dialog);
  if (!dialog) return;
  event.preventDefault();
  dialog.showModal();
};
const closeDialog = (event) => {
  const dialog = event.target.closest("[data-close]")?.closest("dialog");
  if (!dialog) return;
  event.preventDefault();
  dialog.close();
};

// Browsers without popovers.
const hasPopover = "popover" in HTMLElement.prototype;
if (!hasPopover) all("[popover]").forEach((panel) => { panel.hidden = true; });

// An open group of the menu closes once attention goes elsewhere; Escape closes it and returns to its name.
const closeGroups = (target) => all(".mainnav details[open]").forEach((group) => { group.open = group.contains(target); });
document.addEventListener("focusin", (event) => closeGroups(event.target));
document.addEventListener("keydown", (event) => {
  const group = event.key === "Escape" && one(".mainnav details[open]");
  if (!group) return;
  if (group.contains(document.activeElement)) one("summary", group).focus();
  group.open = false;
});

document.addEventListener("click", (event) => {
  closeGroups(event.target);
  openDialog(event);
  closeDialog(event);
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches("[data-theme-toggle]")) toggleTheme();
  if (button.matches("[data-copy]")) copy(button);
  if (button.matches("[data-open-all]")) all("details.record").forEach((record) => { record.open = true; });
  if (button.matches("[popovertarget]") && !hasPopover) {
    const panel = document.getElementById(button.getAttribute("popovertarget"));
    panel.hidden = !panel.hidden;
  }
});

// The first thing to put right gets the focus.
const focusFirstError = (within) => {
  const first = one("[aria-invalid='true'], .error", within);
  const field = first?.matches(".error") ? one("input, select, textarea", first.closest("fieldset, .field")) : first;
  field?.focus();
};

// A row that was opened is the current row, and what it opened is read next.
const markCurrent = (row) => {
  all("[data-row]").forEach((other) => other.removeAttribute("aria-current"));
  row.setAttribute("aria-current", "true");
};
document.addEventListener("htmx:afterSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (target?.id !== "detail") return;
  if (requestConfig.elt.matches("[data-row]")) markCurrent(requestConfig.elt);
  target.scrollTop = 0;
  target.focus({ preventScroll: true });
});

// Keys: a letter moves to a control and never commits. They rest while typing, and can be turned off.
const keysSwitch = one("#single-keys");
if (keysSwitch) {
  keysSwitch.checked = remember("keys") !== "off";
  keysSwitch.addEventListener("change", () => remember("keys", keysSwitch.checked ? "on" : "off"));
}
const moveRow = (step) => {
  const rows = all("[data-row]");
  const focused = rows.indexOf(document.activeElement);
  const at = focused >= 0 ? focused : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const row = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
};
// Rows that are selected, counted where they are decided together.
const picked = () => {
  const on = all("[data-pick]:checked");
  const alone = on.filter((box) => box.dataset.pick === "alone").length;
  all("[data-picked]").forEach((place) => { place.textContent = `${on.length} selected${alone ? `, ${alone} to be opened alone` : ""}.`; });
};
document.addEventListener("change", (event) => { if (event.target.matches("[data-pick]")) picked(); });
const pickRow = () => {
  const item = document.activeElement?.closest(".item") ?? one(".item:has([aria-current])");
  item?.querySelector("[data-pick]")?.click();
};
const typing = "textarea, select, input:not([type=checkbox], [type=radio])";
document.addEventListener("keydown", (event) => {
  const resting = event.ctrlKey || event.metaKey || event.altKey || event.target.matches(typing) || one("dialog[open]");
  if (resting || !keysSwitch?.checked) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    moveRow(event.key === "j" ? 1 : -1);
    return;
  }
  if (event.key === "x") {
    event.preventDefault();
    pickRow();
    return;
  }
  const control = one(`[data-key="${CSS.escape(event.key)}"]`);
  if (!control) return;
  event.preventDefault();
  control.focus();
});

focusFirstError(one("main"));
