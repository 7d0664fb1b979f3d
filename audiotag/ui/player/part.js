// A hidden component that holds the head of a player, or one part of its data, for the player at the same place.
//
// Sounds and spectrograms come in components of their own, because Streamlit sends a component again whenever something
// in it has changed. Head and parts meet in `window.audiotagPlayers`: per place its parts by their ids, and the player,
// which is told when one comes. player.js has the other side.

const held = new WeakMap(); // shadow root → the place and the part that its component holds

export default function ({ data, parentElement }) {
  const length = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  const { place, part } = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  const places = (window.audiotagPlayers ??= new Map());
  if (!places.has(place)) places.set(place, { parts: new Map(), player: null });
  const before = held.get(parentElement);
  if (before && before.part !== part) drop(before, parentElement);
  held.set(parentElement, { place, part });
  places.get(place).parts.set(part, { bytes: data.subarray(4 + length), holder: parentElement });
  places.get(place).player?.take();
  return () => {
    // This is also called when a later run of the page replaces the current one. Then the part is still in use.
    if (!parentElement.host.isConnected) drop({ place, part }, parentElement);
  };
}

/** Forget a part, unless another component holds it as well, as after a change of pages. */
function drop({ place, part }, holder) {
  const parts = window.audiotagPlayers.get(place)?.parts;
  if (parts?.get(part)?.holder === holder) parts.delete(part);
}
