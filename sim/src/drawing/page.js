// Begins: each run gets its course, and who saw whom when the reader comes to it.
for (const div of document.querySelectorAll(".course")) {
  const course = new Course(div);
  const figure = div.querySelector("figure.who");
  if (!figure) continue;
  let who;
  const ready = () => (who ??= new Who(figure, course));
  figure.hidden = false;
  const watch = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      watch.disconnect();
      ready();
    }
  }, { rootMargin: "400px" });
  watch.observe(figure);
  div.querySelector(".rows svg.nodes")?.addEventListener("click", (event) => {
    const row = event.target.closest("[data-node]");
    if (row && !course.moved) ready().show("of", Number(row.dataset.node));
  });
  window.addEventListener("beforeprint", () => div.closest("[hidden]") || ready());
}
// Of several runs of a scenario the reader chooses one.
for (const choice of document.querySelectorAll("select.seed")) {
  const runs = [...choice.closest("section").querySelectorAll(".run")];
  choice.parentElement.hidden = false;
  choice.onchange = () => {
    for (const run of runs) run.hidden = run.dataset.seed !== choice.value;
    // What was hidden has had no width yet.
    window.dispatchEvent(new Event("resize"));
  };
  choice.onchange();
}
// What is folded away on a screen is to be read on paper.
window.addEventListener("beforeprint", () => {
  for (const list of document.querySelectorAll("details")) list.open = true;
});
