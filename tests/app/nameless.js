// Controls that a screen reader has no name for.
() => {
  const named = (node) => node.getAttribute("aria-label") || node.getAttribute("aria-labelledby") || node.title || node.textContent.trim() || node.labels?.length;
  return [...document.querySelectorAll("button, input:not([type=file]), select, textarea, [role=button], canvas, progress")]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }) && !named(node))
    .map((node) => node.outerHTML.slice(0, 200));
}
