// The live view for operators: asks for the metrics every two seconds and shows them.
import { parse } from './status-prometheus.js';
import { names } from './status-names.js';
import { History, kept, windowLength } from './status-history.js';
import * as load from './status-load.js';
import * as parts from './status-parts.js';
import { Formats, make, set, show } from './status-view.js';
import { chooser, language, text } from './status-text.js';

const every = 2000; // ms between scrapes
const patience = 5000; // ms for one
const views = [
  load.refused, parts.board, parts.drift, load.models, load.queue, load.requests, load.latency, load.spikes, load.memory,
  parts.outbox, parts.dicom, load.faults,
];

const history = new History();
let key = ''; // of the server, in memory only
let paused = false;

async function get(path, type) {
  const headers = { Accept: type };
  if (key) headers.Authorization = `Bearer ${key}`;
  const answer = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(patience) });
  return { ok: answer.ok, status: answer.status, text: await answer.text() };
}

// ask gives what the server answered: its state, ready, notReady, key (it wants one), silent or strange, and why.
async function ask() {
  let metrics, ready;
  try {
    [metrics, ready] = await Promise.all([get('metrics', 'text/plain;version=0.0.4'), get('readyz', 'application/json')]);
  } catch {
    return { state: 'silent' };
  }
  if (metrics.status === 401 || metrics.status === 403) return { state: 'key' };
  if (!metrics.ok) return { state: 'strange', why: `/metrics: ${metrics.status}` };
  try {
    history.add(Date.now(), parse(metrics.text));
    return ready.ok ? { state: 'ready' } : { state: 'notReady', why: JSON.parse(ready.text).detail ?? String(ready.status) };
  } catch (e) {
    return { state: 'strange', why: e.message };
  }
}

function build(t, f) {
  document.title = t('status.title');
  set(document.querySelector('.skip'), t('status.skip'));
  const state = make('p', { role: 'status', class: 'state' });
  const when = make('p', { class: 'when' });
  const pause = make('button', { type: 'button', 'aria-pressed': 'false' }, t('status.pause'));
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', String(paused));
    if (paused) history.miss();
    tick();
  });
  document.getElementById('top').append(
    make('div', { class: 'bar' }, make('h1', {}, t('status.title')), make('nav', { 'aria-label': t('status.pages') }, make('a', { href: './' }, t('status.films'))), pause, chooser(t)),
    state,
    when,
  );
  const field = make('input', { type: 'password', id: 'key', autocomplete: 'off', required: true });
  const form = make('form', { class: 'key', hidden: true }, make('label', { for: 'key' }, t('status.key')), field, make('button', {}, t('status.key.use')));
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    key = field.value;
    field.value = '';
    tick();
  });
  const tiles = make('dl', { class: 'tiles' });
  const all = views.map((view) => view(t, f));
  const body = make('div', { class: 'sections', hidden: true }, tiles, ...all.map((v) => v.element));
  document.getElementById('sections').append(form, body);
  document.getElementById('foot').append(
    make('p', {}, t('status.foot', { every: f.few(every / 1000), kept: f.count((kept * every) / 60_000), window: f.count(windowLength / 1000) }), ' ', make('a', { href: 'metrics' }, '/metrics')),
  );
  return { state, when, form, field, tiles, all, body };
}

// figures are the numbers at the top.
function figures(t, f) {
  const build = history.series(names.build)[0]?.labels;
  const waiting = history.value(names.queueDepth);
  const turned = history.increase(names.rejections).by;
  const started = history.value(names.started);
  return [
    ['requests', f.rate(history.rate(names.requests)), ''],
    ['flight', f.count(history.value(names.inFlight)), ''],
    ['queue', `${f.count(waiting)} / ${f.count(history.value(names.queueCapacity))}`, waiting > 0.8 * history.value(names.queueCapacity) ? 'warn' : ''],
    ['workers', `${f.count(history.value(names.workersBusy))} / ${f.count(history.value(names.workers))}`, ''],
    ['turned', f.count(turned), turned > 0 ? 'warn' : ''],
    ['cpu', f.few(history.rate(names.cpu)), ''],
    ['memory', f.bytes(history.value(names.resident)), ''],
    ['uptime', f.span(Date.now() / 1000 - started), ''],
    ['version', build ? [build.get('version'), build.get('revision').slice(0, 9)].filter(Boolean).join(' · ') : '–', ''],
  ].map(([id, value, mark]) => ({ label: t(`status.tile.${id}`), value, mark }));
}

function fillTiles(tiles, all) {
  if (tiles.childElementCount !== all.length) {
    tiles.replaceChildren(...all.map(({ label }) => make('div', {}, make('dt', {}, label), make('dd'))));
  }
  all.forEach(({ value, mark }, i) => {
    set(tiles.children[i].lastChild, value);
    if (tiles.children[i].className !== mark) tiles.children[i].className = mark;
  });
}

let page, t, f, timer, asking;

function refresh(answer) {
  const good = answer.state === 'ready';
  set(page.state, t(`status.state.${answer.state}`, { why: answer.why ?? '' }));
  page.state.className = `state ${good ? 'good' : answer.state === 'key' ? 'warn' : 'bad'}`;
  show(page.form, answer.state === 'key');
  show(page.body, history.length > 0 && answer.state !== 'key');
  if (answer.state === 'silent' || answer.state === 'strange') history.miss();
  const last = history.times.at(-1);
  const restarts = history.restarts ? ` ${t('status.restarts', { n: f.count(history.restarts) })}` : '';
  set(page.when, last ? t('status.when', { time: f.clock(last) }) + restarts : '');
  if (!history.length) return;
  fillTiles(page.tiles, figures(t, f));
  for (const view of page.all) show(view.element, view.update(history));
}

// tick asks, shows and comes again, but for a page that nobody sees or that is paused.
async function tick() {
  clearTimeout(timer);
  if (document.hidden || paused || asking) return;
  asking = true;
  const began = performance.now();
  const answer = await ask();
  asking = false;
  refresh(answer);
  timer = setTimeout(tick, Math.max(0, every - (performance.now() - began)));
}

async function start() {
  t = await text();
  f = new Formats(language());
  page = build(t, f);
  document.addEventListener('visibilitychange', () => (document.hidden ? history.miss() : tick()));
  await tick();
}

start();
