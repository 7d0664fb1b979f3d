// Download what a component shows as an image.

function escaped(text) {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Download the text of an SVG. */
function downloadSvg(drawing, name) {
  download(new Blob([drawing], { type: "image/svg+xml" }), `${name}.svg`);
}

/** Download an SVG as a PNG with two pixels per pixel on the page. */
function downloadPng(drawing, name) {
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => download(blob, `${name}.png`));
    URL.revokeObjectURL(image.src);
  };
  image.src = URL.createObjectURL(new Blob([drawing], { type: "image/svg+xml" }));
}
