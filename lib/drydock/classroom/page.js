"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const rows = [...table.tBodies[0].rows];
      const values = new Map(rows.map(row => [row, row.cells[column].dataset.v]));
      const numbers = [...values.values()].every(value => value !== "" && !isNaN(value));
      rows.sort((a, b) => {
        const [one, other] = [values.get(a), values.get(b)];
        return (down ? -1 : 1) * (numbers ? one - other : one.localeCompare(other));
      });
      table.tBodies[0].append(...rows);
      heads.forEach(each => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
}
