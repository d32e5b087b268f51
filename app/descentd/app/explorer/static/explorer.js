// What every page does beyond its forms and links. Nothing here is needed to read or to act.

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// A form that was sent is not sent again by a second click; the server knows it by its token anyway.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}

// What was written in a form that could not be recorded, since the session had ended or the registry was away, is
// filled in again where the same page is next opened in this tab, for the same person: nobody signs what others wrote.
const drafts = sessionStorage, drafted = `draft ${JSON.stringify(document.body.dataset.person ?? "")} `;
const nameOf = (form) => `${drafted}${location.pathname} ${form.elements.act.value}`;
if ("person" in document.body.dataset) {
  for (const name of Object.keys(drafts)) if (!name.startsWith(drafted)) drafts.removeItem(name);
}
for (const form of document.querySelectorAll("form[method=post]")) {
  if (!form.elements.act || "again" in form.dataset) continue;
  const name = nameOf(form), draft = JSON.parse(drafts.getItem(name) ?? "{}");
  drafts.removeItem(name);
  form.addEventListener("submit", () => {
    const written = [...new FormData(form)].filter(([field]) => field !== "token" && field !== "act");
    drafts.setItem(name, JSON.stringify(Object.fromEntries(written)));
  });
  if (document.querySelector(".done, .refused")) continue;
  for (const field of form.elements) {
    const value = draft[field.name];
    if (value === undefined || field.type === "hidden") continue;
    if (field.type === "radio" || field.type === "checkbox") field.checked = field.value === value;
    else if (!field.value) field.value = value;
  }
}
if (document.querySelector("[data-out]")) drafts.clear();
// Drafts are of this tab: signing in, which opens another one without a script, stays in it.
document.querySelector("[data-filled-in-again]")?.removeAttribute("target");

// The slider says from when an entry of the log is while it is moved, and shows the page of then when it is let go.
document.addEventListener("input", ({ target }) => {
  const form = target.closest?.(".slider");
  if (!form) return;
  const marks = form.dataset.marks.split(";").map((mark) => mark.split("="));
  const [, moment] = marks.findLast(([entry]) => Number(entry) <= Number(target.value)) ?? [];
  form.querySelector("output").textContent = moment ?? "";
});
document.addEventListener("change", ({ target }) => {
  if (target.type === "range") target.form.requestSubmit();
});

// What is still being worked out is asked for again, and takes its place by itself once it is there; what is hidden on a
// page that never waited says so.
async function replaced(part) {
  await new Promise((later) => setTimeout(later, 5000));
  if (!part.isConnected) return;
  if (document.hidden) return replaced(part);
  const answer = await fetch(location.href).catch(() => null);
  const page = new DOMParser().parseFromString(answer?.ok ? await answer.text() : "", "text/html");
  const fresh = answer?.ok ? page.getElementById(part.id) : part;
  if (!fresh) return;
  fresh.hidden = false;
  if (fresh !== part) part.replaceWith(fresh);
  if (fresh.hasAttribute("data-again")) await replaced(fresh);
}
function waits() {
  for (const part of document.querySelectorAll("[data-again]")) replaced(part);
}
waits();
document.addEventListener("shown", waits);

// What is folded is printed too.
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details[data-printed]:not([open])")) {
    folded.open = true;
    folded.dataset.unfold = "yes";
  }
});
window.addEventListener("afterprint", () => {
  for (const unfolded of document.querySelectorAll("details[data-unfold]")) unfolded.open = false;
});

// A page that comes back from the browser's memory may send its forms again; one of which a form was sent says what was
// before that, and is loaded anew.
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && document.querySelector("form[data-sent]")) location.reload();
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
