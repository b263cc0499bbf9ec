// The live view for operators: asks for the metrics every two seconds and shows them.
import {byId, el} from './dom.js';
import {choose, language, speak, t} from './i18n.js';
import {History, kept, windowLength} from './status-history.js';
import * as load from './status-load.js';
import {names} from './status-names.js';
import * as parts from './status-parts.js';
import {parse} from './status-prometheus.js';
import {Formats, set, show} from './status-view.js';

const every = 2000; // ms between scrapes
const patience = 5000; // ms for one
const sections = [
  load.refused,
  parts.board,
  parts.drift,
  load.models,
  load.queue,
  load.requests,
  load.latency,
  load.spikes,
  load.memory,
  parts.outbox,
  parts.dicom,
  load.faults,
];

const history = new History();
let key = ''; // of the server, in memory only
let paused = false;
let f, views, timer, asking;
let answer = {state: 'asking'};

async function get(path, type) {
  const headers = {Accept: type};
  if (key) headers.Authorization = `Bearer ${key}`;
  const got = await fetch(path, {headers, cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(patience)});
  return {ok: got.ok, status: got.status, text: await got.text()};
}

// ask gives what the server answered: its state, ready, notReady, key (it wants one), silent or strange, and why.
async function ask() {
  let metrics, ready;
  try {
    [metrics, ready] = await Promise.all([get('/metrics', 'text/plain;version=0.0.4'), get('/readyz', 'application/json')]);
  } catch {
    return {state: 'silent'};
  }
  if (metrics.status === 401 || metrics.status === 403) return {state: 'key'};
  if (!metrics.ok) return {state: 'strange', why: `/metrics: ${metrics.status}`};
  try {
    history.add(Date.now(), parse(metrics.text));
    return ready.ok ? {state: 'ready'} : {state: 'notReady', why: JSON.parse(ready.text).detail ?? String(ready.status)};
  } catch (e) {
    return {state: 'strange', why: e.message};
  }
}

// tiles are the numbers at the top.
function tiles() {
  const [waiting, places] = [history.value(names.queueDepth), history.value(names.queueCapacity)];
  const turned = history.increase(names.rejections).by;
  return [
    ['requests', f.rate(history.rate(names.requests)), ''],
    ['flight', f.count(history.value(names.inFlight)), ''],
    ['queue', `${f.count(waiting)} / ${f.count(places)}`, waiting > 0.8 * places ? 'warn' : ''],
    ['workers', `${f.count(history.value(names.workersBusy))} / ${f.count(history.value(names.workers))}`, ''],
    ['turned', f.count(turned), turned > 0 ? 'warn' : ''],
    ['cpu', f.few(history.rate(names.cpu)), ''],
    ['memory', f.bytes(history.value(names.resident)), ''],
    ['uptime', f.span(Date.now() / 1000 - history.value(names.started)), ''],
  ];
}

function fillTiles() {
  const all = tiles();
  const list = byId('tiles');
  if (!list.childElementCount)
    list.append(...all.map(([id]) => el('div', {}, el('dt', {}, t(`status.tile.${id}`)), el('dd'))));
  all.forEach(([, value, mark], i) => {
    set(list.children[i].lastChild, value);
    if (list.children[i].className !== mark) list.children[i].className = mark;
  });
}

function refresh() {
  const {state, why = ''} = answer;
  set(byId('state'), t(`status.state.${state}`, {why}));
  byId('state').className = {ready: 'good', asking: '', key: 'warn'}[state] ?? 'bad';
  show(byId('key-form'), state === 'key');
  show(byId('figures'), history.length > 0 && state !== 'key');
  const restarts = history.restarts ? ` ${t('status.restarts', {n: f.count(history.restarts)})}` : '';
  const build = history.series(names.build)[0]?.labels;
  const version = build ? [build.get('version'), build.get('revision').slice(0, 9)].filter(Boolean).join(' · ') : '';
  set(byId('when'), history.length ? t('status.when', {version, time: f.clock(history.times.at(-1))}) + restarts : '');
  if (!history.length) return;
  fillTiles();
  for (const view of views) show(view.element, view.update(history));
}

// tick asks, shows and comes again, but for a page that nobody sees or that is paused.
async function tick() {
  clearTimeout(timer);
  if (document.hidden || paused || asking) return;
  asking = true;
  const began = performance.now();
  answer = await ask();
  asking = false;
  if (answer.state === 'silent' || answer.state === 'strange') history.miss();
  refresh();
  timer = setTimeout(tick, Math.max(0, every - (performance.now() - began)));
}

// talk shows everything in a language.
async function talk(to) {
  await speak(to);
  document.title = t('status.title');
  nameTheme();
  f = new Formats(language);
  views = sections.map((section) => section(f));
  byId('parts').replaceChildren(...views.map((v) => v.element));
  byId('tiles').replaceChildren();
  byId('says').textContent = t('status.foot', {
    every: f.few(every / 1000),
    kept: f.count((kept * every) / 60_000),
    window: f.count(windowLength / 1000),
  });
  refresh();
}

function nameTheme() {
  byId('theme').textContent = t(document.documentElement.dataset.theme === 'light' ? 'theme.dark' : 'theme.light');
}

function recall(name, value) {
  try {
    if (value) localStorage.setItem(`spikeray.${name}`, value);
    return localStorage.getItem(`spikeray.${name}`);
  } catch {
    return null; // a browser that keeps nothing
  }
}

async function start() {
  const languages = await fetch('/web/languages.json').then(
    (a) => (a.ok ? a.json() : {en: 'English'}),
    () => ({en: 'English'}),
  );
  const select = byId('language');
  select.append(...Object.entries(languages).map(([tag, name]) => el('option', {value: tag, lang: tag}, name)));
  const asked = new URLSearchParams(location.search).get('lang');
  select.value = choose([asked, recall('lang'), ...navigator.languages].filter(Boolean), Object.keys(languages));
  select.addEventListener('change', () => talk(recall('lang', select.value) ?? select.value));
  byId('theme').addEventListener('click', () => {
    const {dataset} = document.documentElement;
    dataset.theme = dataset.theme === 'light' ? 'dark' : 'light';
    recall('theme', dataset.theme);
    nameTheme();
    refresh(); // what is drawn takes the colours anew
  });
  byId('pause').addEventListener('click', () => {
    paused = !paused;
    byId('pause').setAttribute('aria-pressed', String(paused));
    if (paused) history.miss();
    tick();
  });
  byId('key-form').addEventListener('submit', (e) => {
    e.preventDefault();
    key = byId('key').value.trim();
    byId('key').value = '';
    tick();
  });
  document.addEventListener('visibilitychange', () => (document.hidden ? history.miss() : tick()));
  await talk(select.value);
  await tick();
}

start();
