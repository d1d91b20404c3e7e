// Texts whose contrast is below that of WCAG 2.2, level AA (success criterion 1.4.3).
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { // as the browser itself paints it
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);
  const behind = (node) => (node ? over(rgba(getComputedStyle(node).backgroundColor), behind(node.parentElement)) : [255, 255, 255, 1]);
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const typed = "input:not([type=range], [type=file], [type=checkbox], [type=radio]), textarea";
  const seen = { opacityProperty: true, visibilityProperty: true };
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE).map((one) => one.data.trim());
    const text = own.join("") || (node.matches(typed) ? node.value : ""), box = node.getBoundingClientRect();
    if (!text || box.width < 2 || box.height < 2 || !node.checkVisibility(seen) || node.closest("svg, :disabled")) continue;
    const style = getComputedStyle(node), below = behind(node), ink = over(rgba(style.color), below);
    const [high, low] = [luminance(ink), luminance(below)].sort((a, b) => b - a), size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700), ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) bad.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return bad;
}
