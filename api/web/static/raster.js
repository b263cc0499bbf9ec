// A raster: neurons downwards, time steps to the right. Where there are more neurons than lines, a line is the mean of several.

/**
 * @typedef {object} Lines
 * @property {number} steps
 * @property {number} neurons
 * @property {number} lines
 * @property {number} each how many neurons a line stands for, the last one perhaps fewer
 * @property {Float32Array} means spikes of a neuron in a step, [lines][steps]
 * @property {number} most the largest of means
 * @property {number} largest the largest count of one neuron in one step
 */

/**
 * @param {import('./npz.js').Spikes} spikes
 * @param {number} room the most lines
 * @returns {Lines} the neurons in the order of their channels, then of their places
 */
export function linesOf(spikes, room) {
  const {shape, data} = spikes;
  const channels = shape.at(-1);
  const steps = shape[0];
  const neurons = data.length / steps;
  const places = neurons / channels;
  const each = Math.ceil(neurons / room);
  const lines = Math.ceil(neurons / each);
  const means = new Float32Array(lines * steps);
  let largest = 0;
  for (let step = 0; step < steps; step++) {
    const from = step * neurons;
    for (let place = 0; place < places; place++) {
      for (let channel = 0; channel < channels; channel++) {
        const n = data[from + place * channels + channel];
        if (n === 0) continue;
        means[Math.floor((channel * places + place) / each) * steps + step] += n;
        if (n > largest) largest = n;
      }
    }
  }
  let most = 0;
  for (let line = 0; line < lines; line++) {
    const here = Math.min(each, neurons - line * each);
    for (let step = 0; step < steps; step++) {
      const mean = means[line * steps + step] /= here;
      if (mean > most) most = mean;
    }
  }
  return {steps, neurons, lines, each, means, most, largest};
}

/**
 * The raster as pixels, one for each line and step: black is silent, white is the largest mean.
 * @param {Lines} raster
 * @returns {Uint8ClampedArray} RGBA
 */
export function shades(raster) {
  const out = new Uint8ClampedArray(4 * raster.means.length);
  raster.means.forEach((mean, i) => {
    const share = raster.most > 0 ? mean / raster.most : 0;
    // From black over sky blue (Okabe and Ito) to white, each part half of the scale.
    const [from, to, part] = share < 0.5 ? [[0, 0, 0], [86, 180, 233], 2 * share] : [[86, 180, 233], [255, 255, 255], 2 * share - 1];
    out.set([...from.map((c, j) => Math.round(c + part * (to[j] - c))), 255], 4 * i);
  });
  return out;
}
