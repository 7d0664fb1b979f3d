// The map as the text of an SVG: what is on the screen, and the legend below it.

const LEGEND_LINE = 18;

/** The drawing of a map, with the number of clips beside the name of each group that is not hidden. */
function mapImage(map) {
  const { view, points } = map;
  const { width, height } = view;
  const styles = getComputedStyle(map.stage);
  const paths = [];
  const uses = [];
  for (const [number, { rows, symbol, radius, colour, opacity }] of map.layers(1).entries()) {
    const ink = isOpen(symbol)
      ? `fill="none" stroke="${escaped(colour)}" stroke-width="${strokeWidth(radius)}"`
      : `fill="${escaped(colour)}"`;
    paths.push(`<path id="point-${number}" d="${pathOf(symbol, radius)}"/>`);
    uses.push(`<g ${ink} opacity="1" fill-opacity="${opacity}" stroke-opacity="${opacity}">`);
    for (const row of rows) {
      const [x, y] = view.toScreen(points.x[row], points.y[row]);
      if (x < 0 || y < 0 || x > width || y > height) continue;
      uses.push(`<use href="#point-${number}" x="${x.toFixed(1)}" y="${y.toFixed(1)}"/>`);
    }
    uses.push("</g>");
  }
  const ring = map.picked === null ? null : view.toScreen(points.x[map.picked], points.y[map.picked]);
  if (ring) uses.push(`<circle cx="${ring[0]}" cy="${ring[1]}" r="10" fill="none" stroke="#d6336c" stroke-width="3"/>`);
  const shown = map.groups.filter(({ isHidden }) => !isHidden);
  const legend = shown.map(({ style, count }, at) => {
    const y = height + LEGEND_LINE * (at + 1);
    const ink = isOpen(style.symbol) ? `fill="none" stroke="${escaped(style.colour)}"` : `fill="${escaped(style.colour)}"`;
    const text = escaped(`${style.name} (${count.toLocaleString("en")})`);
    return `<path d="${pathOf(style.symbol, 5)}" transform="translate(12 ${y - 4})" ${ink}/><text x="24" y="${y}">${text}</text>`;
  });
  const whole = height + LEGEND_LINE * shown.length + 8;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${whole}" font-family="sans-serif" font-size="12" ` +
    `fill="${styles.color}"><defs>${paths.join("")}<clipPath id="screen"><rect width="${width}" height="${height}"/></clipPath></defs>` +
    `<rect width="${width}" height="${whole}" fill="${styles.backgroundColor}"/>` +
    `<g clip-path="url(#screen)">${uses.join("")}</g>${legend.join("")}</svg>`
  );
}
