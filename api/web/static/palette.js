// Colours of maps, as the service draws them: blue speaks against the positive label, vermillion for it, both of the palette of
// Okabe and Ito (2008), which people of any colour vision tell apart.

export const AGAINST = [0, 114, 178];
export const TOWARDS = [213, 94, 0];

/**
 * @param {number[][]} map by row and column
 * @returns {number} the largest magnitude, which has the full colour
 */
export function scaleOf(map) {
  let most = 0;
  for (const row of map) for (const v of row) most = Math.max(most, Math.abs(v));
  return most;
}

/**
 * Lays a map whose windows overlap on a grid without overlap: each unit has the mean of the windows over it.
 * @param {number[][]} map by row and column of windows that are one unit apart
 * @param {number} span how many units a window covers each way
 * @returns {number[][]} by row and column of units
 */
export function spread(map, span) {
  if (span === 1) return map;
  const rows = map.length + span - 1;
  const columns = map[0].length + span - 1;
  const out = Array.from({length: rows}, () => new Array(columns).fill(0));
  const over = Array.from({length: rows}, () => new Array(columns).fill(0));
  map.forEach((row, y) => row.forEach((v, x) => {
    for (let dy = 0; dy < span; dy++) {
      for (let dx = 0; dx < span; dx++) {
        out[y + dy][x + dx] += v;
        over[y + dy][x + dx]++;
      }
    }
  }));
  return out.map((row, y) => row.map((v, x) => v / over[y][x]));
}

/**
 * A map as pixels, one for each cell: its colour says the sign, its opacity the magnitude, so that what is below shows through.
 * @param {number[][]} map by row and column
 * @param {number} scale the magnitude with the full colour
 * @returns {Uint8ClampedArray} RGBA
 */
export function pixels(map, scale) {
  const columns = map[0].length;
  const out = new Uint8ClampedArray(4 * map.length * columns);
  map.forEach((row, y) => row.forEach((v, x) => {
    const strength = scale > 0 ? Math.min(1, Math.abs(v) / scale) : 0;
    out.set([...(v < 0 ? AGAINST : TOWARDS), Math.round(255 * strength)], 4 * (y * columns + x));
  }));
  return out;
}
