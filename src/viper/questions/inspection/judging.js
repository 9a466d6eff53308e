"use strict";
// Gathers what is ticked, and saves it as a CSV file. Cells hold names and choices only, nothing that a model wrote.

const rows = () => [...document.querySelectorAll("[data-part]")];
const ticked = (row) => row.querySelector("input:checked")?.value ?? "";
const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

function asCsv() {
  const { page, columns } = document.body.dataset;
  const lines = rows().map((row) => {
    const { seed, lineage, id } = row.closest("[data-id]").dataset;
    return [page, seed, lineage, id, row.dataset.part, ticked(row)].map(quoted).join(",");
  });
  return [columns, ...lines].join("\n") + "\n";
}

function count() {
  const all = rows();
  const done = all.filter(ticked).length;
  document.getElementById("count").textContent = `${done} of ${all.length} judged`;
}

let unsaved = false;

document.addEventListener("change", (event) => {
  if (event.target.type === "radio") {
    unsaved = true;
    count();
  }
});

document.getElementById("save").addEventListener("click", () => {
  const name = document.getElementById("judge").value.trim().replace(/[^\p{L}\p{N}_-]+/gu, "-");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv" }));
  link.download = `inspection-${name || "judgements"}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
  unsaved = false;
});

window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

count();
