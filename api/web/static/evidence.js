// What is asked for the selected film alone: its rendering and what the network used for its answer. Nothing of the first is kept, and of
// the second what was asked for last.
import {address, ask, askJSON} from './client.js';
import {readNPZ} from './npz.js';

const MOST_KEPT = 16;
const kept = new Map(); // explanations by film and query, the latest last

/**
 * The film as the service sees it, upright.
 * @param {import('./worklist.js').Film} film
 * @param {number} size the longest side in pixels
 * @param {AbortSignal} signal
 * @returns {Promise<ImageBitmap>} which the caller closes
 */
export async function render(film, size, signal) {
  const answer = await ask(address('v1/renderings', {bits: film.bits || undefined, size}), {body: film.file, accept: 'image/png', signal});
  const picture = await createImageBitmap(await answer.blob());
  if (!signal.aborted) return picture;
  picture.close();
  throw signal.reason;
}

/**
 * @param {import('./worklist.js').Film} film
 * @param {Record<string, any>} query as its prediction's, with positions
 * @param {AbortSignal} signal
 * @returns {Promise<any>} an Explanation without its pictures, which the page draws itself, and with page_ms
 */
export async function explain(film, query, signal) {
  const name = `${film.id}${address('', query)}`;
  let evidence = kept.get(name);
  if (!evidence) {
    evidence = await askJSON(address('v1/explanations', query), {body: film.file, signal});
    delete evidence.pictures;
  }
  kept.delete(name);
  kept.set(name, evidence);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  return evidence;
}

/**
 * The spikes of every neuron at every step.
 * @param {import('./worklist.js').Film} film
 * @param {Record<string, any>} query as its prediction's
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, import('./npz.js').Spikes>>}
 */
export async function spikesOf(film, query, signal) {
  const answer = await ask(address('v1/explanations', {...query, format: 'npz'}), {body: film.file, accept: 'application/zip', signal});
  return readNPZ(await answer.arrayBuffer());
}

/**
 * @typedef {object} ShownMap
 * @property {string} name "activation", "occlusion_blur" or "occlusion_mean"
 * @property {number[][]} cells by row and column
 * @property {number} span how many units of the grid a cell covers each way
 * @property {number[][][]} [steps] of the activation map, each as cells
 */

/**
 * @param {any} evidence
 * @returns {ShownMap[]} the maps that there are
 */
export function mapsOf(evidence) {
  const maps = [];
  if (evidence?.activation) maps.push({name: 'activation', cells: evidence.activation.sum, span: 1, steps: evidence.activation.steps});
  for (const f of evidence?.occlusion?.fills ?? []) {
    maps.push({name: `occlusion_${f.fill}`, cells: f.map, span: evidence.occlusion.positions === 225 ? 2 : 1});
  }
  return maps;
}
