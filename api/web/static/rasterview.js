// The spikes of one layer, neurons by steps, and the counts of all layers beside them.
import {byId, el, fill, table} from './dom.js';
import {formats, t, tn} from './i18n.js';
import {linesOf, shades} from './raster.js';

const MOST_LINES = 512;
/** The most steps that are set apart and named. */
const MOST_NAMED = 12;

/**
 * @param {any} evidence null while there is none
 * @param {string} absent why there is none, in words
 * @param {(signal: AbortSignal) => Promise<Map<string, import('./npz.js').Spikes>>} load
 * @param {AbortSignal} signal ends with the selection of the film
 * @param {(error: any) => string} wordsOf an error
 */
export function showRaster(evidence, absent, load, signal, wordsOf) {
  const body = byId('raster-body');
  if (!evidence) {
    fill(body, el('p', {class: 'fine'}, absent));
    return;
  }
  if (!evidence.spikes) {
    fill(body, el('p', {class: 'fine'}, t('left.spikes')));
    return;
  }
  const left = evidence.left_out.find((l) => l.part === 'raster');
  const place = el('div', {id: 'raster-place'});
  const draw = async (event) => {
    if (place.hasAttribute('aria-busy')) return;
    place.setAttribute('aria-busy', 'true');
    try {
      const layers = await load(signal);
      if (!signal.aborted) drawLayers(place, layers);
    } catch (error) {
      if (signal.aborted) return;
      fill(place, event.target, el('p', {class: 'caution', role: 'alert'}, wordsOf(error)));
    }
    place.removeAttribute('aria-busy');
  };
  if (left) place.append(el('p', {}, t('left.raster')), el('p', {class: 'fine', lang: 'en'}, left.reason));
  else place.append(el('button', {type: 'button', id: 'raster-load', on: {click: draw}}, t('raster.load')));
  const {reference, layers} = evidence.spikes;
  const heads = ['layer', 'neurons', 'spikes', 'rate', reference && 'usual', 'silent', 'operations'].filter(Boolean);
  const counts = table(t('raster.counts'), heads.map((k) => t(`raster.${k}`)), layers.map((l) => [l.name,
    t('raster.size', {height: l.height, width: l.width, channels: l.channels}),
    l.steps.length <= 8 ? l.steps.map(formats.count).join(' + ') : formats.count(l.steps.reduce((a, b) => a + b, 0)),
    rateOf(l), ...(reference ? [usual(l.reference)] : []), formats.share(l.sparsity), formats.count(l.synaptic_operations)]));
  counts.id = 'raster-counts';
  fill(body, place, counts, reference && el('p', {class: 'fine'}, tn('raster.reference', reference.pictures), ' ', el('span', {lang: 'en'}, reference.source)));
}

function usual(r) {
  return r ? t('raster.range', {low: formats.decimal(r.p5), high: formats.decimal(r.p95)}) : t('none');
}

// rateOf is a layer's rate, and whether it is outside of what is usual.
function rateOf({rate, reference: r}) {
  const said = formats.decimal(rate);
  if (!r || rate >= r.p5 && rate <= r.p95) return said;
  return t(rate < r.p5 ? 'raster.low' : 'raster.high', {rate: said});
}

function drawLayers(place, layers) {
  const names = [...layers.keys()];
  const canvas = el('canvas', {id: 'raster-canvas', role: 'img', class: 'raster'});
  const says = el('p', {class: 'fine', id: 'raster-says'});
  const high = el('span', {});
  const frame = el('div', {class: 'raster-frame'}, canvas);
  const axis = el('div', {class: 'axis', 'aria-hidden': true});
  const show = (name) => {
    const lines = linesOf(layers.get(name), MOST_LINES);
    canvas.width = lines.steps;
    canvas.height = lines.lines;
    canvas.getContext('2d').putImageData(new ImageData(shades(lines), lines.steps, lines.lines), 0, 0);
    canvas.setAttribute('aria-label', t('raster.alt', {layer: name, neurons: formats.count(lines.neurons), steps: formats.count(lines.steps)}));
    says.textContent = [tn('raster.axes', lines.steps, {neurons: formats.count(lines.neurons)}),
      lines.each > 1 ? tn('raster.binned', lines.each, {lines: formats.count(lines.lines)}) : t('raster.each'),
      tn('raster.largest', lines.largest)].join(' ');
    high.textContent = formats.decimal(lines.most);
    frame.style.setProperty('--steps', String(lines.steps));
    frame.classList.toggle('apart', lines.steps <= MOST_NAMED);
    fill(axis, ...(lines.steps <= MOST_NAMED ? Array.from({length: lines.steps}, (_, i) => el('span', {}, t('raster.step', {n: formats.count(i + 1)}))) : []));
  };
  const select = el('select', {id: 'raster-layer', on: {change: () => show(select.value)}},
    ...names.map((name) => el('option', {selected: name === names.at(-1)}, name)));
  fill(place,
    el('div', {class: 'field'}, el('label', {for: 'raster-layer'}, t('raster.choose')), select),
    frame, axis,
    el('div', {class: 'legend'}, el('span', {}, formats.count(0)), el('span', {class: 'ramp one', 'aria-hidden': true}), high,
      el('span', {class: 'fine'}, t('raster.unit'))),
    says);
  select.focus();
  show(select.value);
}
