// The list of films: one row each, chosen by pointer or arrow keys, sorted by its heads.
import {byId, el, fill} from './dom.js';
import {formats, language, t, tn} from './i18n.js';
import {problemText, warningText, wordText} from './problems.js';
import {decide} from './worklist.js';

const rows = new Map(); // by film
let order = {by: 'added', down: false};

/**
 * @param {import('./worklist.js').Worklist} list
 * @param {() => {model: any, point: string}} choice the model that answers and the operating point
 */
export function startList(list, choice) {
  const draw = () => drawList(list, choice);
  list.addEventListener('list', draw);
  list.addEventListener('select', draw);
  list.addEventListener('change', (event) => {
    drawRow(event.detail, list, choice());
    drawProgress(list);
    if (order.by === 'result') place(list);
  });
  for (const head of document.querySelectorAll('[data-sort]')) {
    head.addEventListener('click', () => {
      order = {by: head.dataset.sort, down: head.dataset.sort === order.by && !order.down};
      draw();
    });
  }
  byId('rows').addEventListener('keydown', (event) => walk(event, list));
}

/**
 * @param {import('./worklist.js').Worklist} list
 * @param {() => {model: any, point: string}} choice
 */
export function drawList(list, choice) {
  const {films} = list;
  for (const film of rows.keys()) if (!films.includes(film)) rows.delete(film);
  for (const film of films) drawRow(film, list, choice());
  place(list);
  drawProgress(list);
  byId('list').hidden = byId('list-actions').hidden = films.length === 0;
  byId('films-title').textContent = films.length ? tn('films.count', films.length) : t('films');
  for (const by of ['name', 'result']) {
    const sort = order.by !== by ? 'none' : order.down ? 'descending' : 'ascending';
    byId(`sort-${by}`).setAttribute('aria-sort', sort);
  }
  byId('sort-added').hidden = order.by === 'added';
}

// place puts the rows in order. A row stays the same element, so that focus stays on it.
function place(list) {
  const sorted = sort(list.films, order, (film) => list.answerOf(film)?.probability ?? null);
  const body = byId('rows');
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  const wanted = sorted.map((film) => rows.get(film).row);
  if (wanted.length !== body.children.length || wanted.some((row, i) => row !== body.children[i])) fill(body, ...wanted);
  focused?.focus();
}

/**
 * @param {import('./worklist.js').Film[]} films
 * @param {{by: string, down: boolean}} order
 * @param {(film: any) => number|null} probabilityOf
 * @returns {import('./worklist.js').Film[]} films without a probability are last, whatever the direction
 */
export function sort(films, order, probabilityOf) {
  const sign = order.down ? -1 : 1;
  const names = new Intl.Collator(language, {numeric: true});
  return [...films].sort((a, b) => {
    if (order.by === 'name') return sign * names.compare(a.name, b.name) || a.id - b.id;
    if (order.by !== 'result') return sign * (a.id - b.id);
    const [p, q] = [probabilityOf(a), probabilityOf(b)];
    if (p === null || q === null) return (p === null) - (q === null) || a.id - b.id;
    return sign * (p - q) || a.id - b.id;
  });
}

function drawRow(film, list, {model, point}) {
  let parts = rows.get(film);
  if (!parts) {
    const name = el('button', {type: 'button', class: 'row-name', on: {click: () => list.select(film)}}, el('bdi', {}, film.name));
    const result = el('td', {});
    parts = {row: el('tr', {'data-film': film.id}, el('th', {scope: 'row'}, name), result), name, result};
    rows.set(film, parts);
  }
  const selected = list.selected === film;
  parts.row.dataset.state = film.state;
  parts.row.classList.toggle('selected', selected);
  parts.name.setAttribute('aria-current', String(selected));
  parts.name.tabIndex = selected || !list.selected && film === list.films[0] ? 0 : -1;
  const answer = model && film.state === 'answered' && list.answerOf(film);
  if (!answer) {
    fill(parts.result, el('span', {class: `state ${film.state}`}, t(`state.${film.state}`)));
    return;
  }
  const doubts = answer.gate?.accepted === false || answer.input.warnings.some((w) => warningText(w).grave);
  const {label} = decide(answer, model, point);
  fill(parts.result,
    el('span', {class: 'row-doubt', 'aria-hidden': true}, doubts ? '\u26a0' : ''),
    el('span', {class: 'row-number'}, formats.percent(answer.probability ?? answer.raw_probability)), ' ',
    el('span', {class: label === model.positive ? 'row-label positive' : 'row-label'}, label === null ? t('answer.raw.short') : wordText('label', label)),
    doubts && el('span', {class: 'unseen'}, ` ${t('films.doubt')}`));
}

function drawProgress(list) {
  const films = list.films;
  const left = films.filter((f) => ['waiting', 'running', 'busy'].includes(f.state)).length;
  byId('progress').hidden = left === 0 || films.length < 2;
  byId('progress-bar').max = Math.max(1, films.length);
  byId('progress-bar').value = films.length - left;
  byId('progress-text').textContent = t('films.progress', {done: formats.count(films.length - left), all: formats.count(films.length)});
}

// walk moves through the list: one stop for Tab, arrows within.
function walk(event, list) {
  const all = [...byId('rows').querySelectorAll('.row-name')];
  const at = all.indexOf(document.activeElement);
  if (at < 0) return;
  const film = [...rows.keys()].find((f) => rows.get(f).name === document.activeElement);
  const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1}[event.key];
  if (event.key === 'Delete') {
    event.preventDefault();
    list.remove(film);
    (rows.get(list.selected)?.name ?? byId('choose')).focus();
  } else if (to !== undefined) {
    event.preventDefault();
    all[Math.min(Math.max(to, 0), all.length - 1)].focus();
    list.select([...rows.keys()].find((f) => rows.get(f).name === document.activeElement));
  }
}

/**
 * @param {import('./worklist.js').Film} film
 * @param {any} answer
 * @param {any} model
 * @param {string} point
 * @returns {string} what became of a film, for the live region
 */
export function spoken(film, answer, model, point) {
  if (film.state !== 'answered') return `${film.name}: ${film.problem ? problemText(film.problem).title : t(`state.${film.state}.long`)}`;
  const {label} = decide(answer, model, point);
  const said = answer.probability === null ? t('answer.undecided')
    : `${wordText('label', label)}, ${formats.percent(answer.probability)} ${t('answer.probability', {label: wordText('label', model.positive)})}`;
  const warnings = answer.input.warnings.length ? ` ${tn('warnings', answer.input.warnings.length)}` : '';
  return `${film.name}: ${said}.${warnings}`;
}
