// What htmx does not do by itself. No string is ever made into code or markup here.
"use strict";

// Progress by server-sent events: data-events says where from, data-then what to load at the end.
function watch(root) {
  for (const box of root.querySelectorAll("[data-events]")) {
    if (box.dataset.watched) continue;
    box.dataset.watched = "yes";
    const source = new EventSource(box.dataset.events);
    const bar = box.querySelector("progress");
    const said = box.querySelector("[role=status]");
    source.onmessage = (event) => {
      const at = JSON.parse(event.data);
      if (!box.isConnected) return source.close();
      if (at.status !== "running") {
        source.close();
        htmx.ajax("GET", box.dataset.then, { target: box, swap: "outerHTML" });
      } else if (at.nTotal) {
        bar.max = at.nTotal;
        bar.value = at.nDone;
        said.textContent = `${at.nDone} of ${at.nTotal} locations`;
      }
    };
  }
}

document.addEventListener("DOMContentLoaded", () => watch(document));
document.addEventListener("htmx:load", (event) => watch(event.target.parentElement || document));

document.addEventListener("click", (event) => {
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.parentElement.remove();
});

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-all]");
  if (!all) return;
  for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
});

// In review a digit labels with the rule of that number, 0 with none, and goes on to what comes next.
document.addEventListener("keydown", (event) => {
  const item = event.target.closest("[data-review]");
  const typing = event.target.closest("input, textarea, select");
  const choice = item?.querySelector("select");
  if (!choice || typing || !/^[0-9]$/.test(event.key) || !choice.options[Number(event.key)]) return;
  choice.selectedIndex = Number(event.key);
  item.nextElementSibling?.focus();
  choice.form.querySelector("[value=label]").click();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing) {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  } else if (event.key === "Escape" && typing) {
    const cancel = event.target.closest("form")?.querySelector("[data-cancel]");
    if (cancel) cancel.click();
  } else if (event.key === "Enter" && !event.shiftKey && event.target.matches("[data-submit]")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// A rule that was saved takes the place of the whole table; one with errors, of its own row.
document.addEventListener("htmx:beforeSwap", (event) => {
  const form = event.detail.requestConfig?.elt?.closest?.("[data-rules]");
  if (form && event.detail.requestConfig.verb === "post" && event.detail.xhr.status === 200) {
    event.detail.target = document.getElementById("rules");
    event.detail.swapOverride = "innerHTML";
  }
});

// What went wrong before is no news after something that went well.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) document.getElementById("messages").replaceChildren();
});

// A form that is sent by several buttons asks only where the button that was pressed says so.
document.addEventListener("htmx:confirm", (event) => {
  const asked = event.detail.triggeringEvent?.submitter?.dataset.confirm;
  if (!asked) return;
  event.preventDefault();
  if (window.confirm(asked)) event.detail.issueRequest(true);
});
