// The editor of rules says while one types what saving would say, and marks the place in the text.
// Without this file the same stands beside the fields once the form has been sent.

const WAIT = 300;
const FIELDS = { condition: "condition", outcomes: "follows", cap: "cap", cadence: "cadence", break_glass: "break_glass", mode: "mode", reason: "reason" };

const form = document.querySelector("form[data-check]");
const field = (name) => form.elements[name];
const control = (name) => (field(name) instanceof RadioNodeList ? field(name)[0] : field(name));

// A copy of the condition lies behind it, see-through but for the marks.
const behind = document.createElement("pre");
behind.setAttribute("aria-hidden", "true");
behind.className = "code marks";
const condition = field("condition");
const holder = document.createElement("div");
holder.className = "behind";
condition.replaceWith(holder);
holder.append(behind, condition);
condition.addEventListener("scroll", () => { behind.scrollTop = condition.scrollTop; });

const marked = (faults) => {
  const lines = condition.value.split("\n").map((line) => [...line]);
  behind.replaceChildren(...lines.flatMap((line, number) => {
    const fault = faults.find((one) => one.line === number + 1);
    if (!fault) return [`${line.join("")}\n`];
    const start = fault.start - 1;
    const mark = document.createElement("mark");
    mark.textContent = line.slice(start, start + fault.length).join("") || " ";
    return [line.slice(0, start).join(""), mark, `${line.slice(start + fault.length).join("")}\n`];
  }));
};

const told = ({ line, column, message }) => (line ? `Line ${line}, column ${column}: ${message}` : message);

const place = (name) => {
  const known = document.getElementById(`id_${name}_error`);
  if (known) return known;
  const error = document.createElement("p");
  error.className = "error";
  error.id = `id_${name}_error`;
  error.setAttribute("role", "status");
  const options = control(name).closest(".options");
  if (options) options.after(error);
  else control(name).closest(".field").append(error);
  return error;
};

const show = (name, faults) => {
  const error = place(name);
  error.textContent = faults.map(told).join(" ");
  error.hidden = !faults.length;
  const inputs = field(name) instanceof RadioNodeList ? [...field(name)] : [field(name)];
  inputs.forEach((input) => {
    input.toggleAttribute("aria-invalid", Boolean(faults.length));
    if (faults.length) input.setAttribute("aria-invalid", "true");
  });
  if (faults.length) control(name).setAttribute("aria-describedby", error.id);
};

// What has not been touched yet is not complained of.
const touched = new Set();
let asking;
const check = async () => {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(form.dataset.check, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
      signal: asking.signal,
    });
    if (!answer.ok) return;
    const { faults } = await answer.json();
    marked(faults.filter((one) => one.field === "condition"));
    Object.entries(FIELDS).forEach(([told, name]) => {
      if (touched.has(name)) show(name, faults.filter((one) => one.field === told));
    });
  } catch {
    // Overtaken by the next keystroke, or nobody answers: saving says the same.
  }
};

let waiting;
form.addEventListener("input", ({ target }) => {
  touched.add(target.name);
  if (!["condition", "reason", "mode"].includes(target.name)) touched.add("follows").add("mode");
  if (target === condition) marked([]);
  clearTimeout(waiting);
  waiting = setTimeout(check, WAIT);
});
if (condition.value) check();
