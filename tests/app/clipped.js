// Texts that are cut off at the right, by what holds them or by the window, without dots that say so.
() => {
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].find((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (!text || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || node.closest("svg, option, .visually-hidden")) continue; // the last: a copy that is measured
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    let edge = window.innerWidth;
    for (let holder = node; holder; holder = holder.parentElement) {
      const style = getComputedStyle(holder);
      if (style.textOverflow === "ellipsis") edge = Infinity;
      if (style.overflowX !== "visible" && style.overflowX !== "auto" && style.overflowX !== "scroll") edge = Math.min(edge, holder.getBoundingClientRect().right);
      if (style.overflowX === "auto" || style.overflowX === "scroll") edge = Infinity; // it can be reached
      if (edge === Infinity) break;
    }
    if (box.width > 2 && box.right > edge + 1) bad.push(text.data.trim().slice(0, 40));
  }
  return bad;
}
