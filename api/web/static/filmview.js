// The film, and a map over it. The map is a canvas of one pixel for each cell that the browser enlarges without smoothing: its
// opacity is a style, so that the slider asks nobody.
import {byId, el, fill, table} from './dom.js';
import {formats, t} from './i18n.js';
import {pixels, scaleOf, spread} from './palette.js';

/** The map that is chosen, also for the next film: a name of mapsOf, or "none". */
let chosen = 'occlusion_blur';
/** The step of the activation map that is shown; 0 for the sum of all. */
let step = 0;
/** @type {{maps: import('./evidence.js').ShownMap[], region: any, positive: string}} */
let shown = {maps: [], region: null, positive: ''};

/** Listens to the tools of the film. */
export function startFilm() {
  const opacity = byId('opacity');
  const set = () => {
    byId('overlay').style.opacity = String(opacity.value / 100);
    byId('opacity-value').textContent = formats.whole(opacity.value / 100);
    opacity.setAttribute('aria-valuetext', formats.whole(opacity.value / 100));
  };
  opacity.addEventListener('input', set);
  set();
  byId('zoom').addEventListener('change', (event) => {
    byId('stage').style.setProperty('--zoom', event.target.value);
    byId('viewport').tabIndex = event.target.value > 1 ? 0 : -1; // a stop for Tab where there is something to scroll
  });
  const greys = [byId('brightness'), byId('contrast')];
  const light = () => { byId('film').style.filter = greys.map((g) => `${g.id}(${g.value}%)`).join(' '); };
  for (const grey of greys) grey.addEventListener('input', light);
  byId('greys-reset').addEventListener('click', () => {
    for (const grey of greys) grey.value = grey.defaultValue;
    light();
  });
}

/**
 * @param {import('./worklist.js').Film} film
 */
export function showName(film) {
  fill(byId('film-title'), el('bdi', {}, film.name));
  byId('film-title').title = film.name;
}

/**
 * @param {ImageBitmap|null} picture null for none
 * @param {string} words what is said in its place, or the picture's accessible name
 */
export function showPicture(picture, words) {
  const canvas = byId('film');
  canvas.hidden = !picture;
  byId('film-state').hidden = Boolean(picture);
  byId('film-state').textContent = picture ? '' : words;
  // A canvas of no size has no memory.
  canvas.width = picture?.width ?? 0;
  canvas.height = picture?.height ?? 0;
  if (picture) {
    canvas.setAttribute('aria-label', words);
    canvas.getContext('2d').drawImage(picture, 0, 0);
    byId('stage').style.setProperty('--ratio', String(picture.width / picture.height));
  }
  byId('overlay').hidden = !picture;
}

/**
 * @param {any} evidence null while there is none
 * @param {string} positive the positive label
 * @param {import('./evidence.js').ShownMap[]} maps that there are
 * @param {string} absent why there is none, in words
 */
export function showMaps(evidence, positive, maps, absent) {
  shown = {maps, region: evidence?.region ?? null, positive};
  step = 0;
  const box = byId('maps');
  const legend = box.querySelector('legend');
  const names = maps.length ? ['none', ...maps.map((m) => m.name)] : [];
  const current = names.includes(chosen) ? chosen : names.at(-1) ?? 'none';
  fill(box, legend, ...names.map((name) => el('label', {},
    el('input', {type: 'radio', name: 'map', value: name, id: `map-${name}`, checked: name === current, on: {change: () => choose(name)}}),
    el('span', {}, t(`map.${name}`)))));
  box.hidden = names.length === 0;
  if (names.length) draw(current);
  else blank(absent);
}

/**
 * Shows one step of the activation map, and chooses that map.
 * @param {number} to from 1; 0 for the sum of all steps
 */
export function showStep(to) {
  step = to;
  const map = byId('map-activation');
  if (!map) return;
  map.checked = true;
  chosen = 'activation';
  draw(chosen);
}

function choose(name) {
  chosen = name;
  step = 0;
  draw(name);
}

function blank(words) {
  byId('overlay').width = byId('overlay').height = 0;
  byId('legend').hidden = byId('map-table').hidden = byId('evidence-notice').hidden = true;
  byId('map-says').textContent = words;
}

function draw(name) {
  const map = shown.maps.find((m) => m.name === name);
  if (!map) {
    blank('');
    return;
  }
  const cells = map.steps && step > 0 ? map.steps[step - 1] : map.cells;
  // Steps are drawn on one scale, so that they can be compared with each other by colour.
  const scale = map.steps && step > 0 ? Math.max(...map.steps.map(scaleOf)) : scaleOf(cells);
  const units = spread(cells, map.span);
  const canvas = byId('overlay');
  canvas.width = units[0].length;
  canvas.height = units.length;
  canvas.getContext('2d').putImageData(new ImageData(pixels(units, scale), canvas.width, canvas.height), 0, 0);
  const r = shown.region ?? {x: 0, y: 0, width: 1, height: 1};
  for (const [side, share] of [['left', r.x], ['top', r.y], ['width', r.width], ['height', r.height]]) canvas.style[side] = `${100 * share}%`;
  byId('legend').hidden = byId('map-table').hidden = byId('evidence-notice').hidden = false;
  byId('legend-low').textContent = t('legend.against', {value: formats.signed(-scale), label: shown.positive});
  byId('legend-high').textContent = t('legend.for', {value: formats.signed(scale), label: shown.positive});
  const which = step > 0 ? ` ${t('map.step', {n: step})}` : '';
  byId('map-says').textContent = t(`map.${name}.says`, {label: shown.positive}) + which;
  fill(byId('map-numbers'), table(t(`map.${name}`) + which,
    [t('map.corner'), ...cells[0].map((_, x) => formats.count(x + 1))],
    cells.map((row, y) => [formats.count(y + 1), ...row.map(formats.signed)])));
}
