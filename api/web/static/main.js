// The page: it joins the list of films, the service's answers and what is shown of them.
import {showAnswer} from './answerview.js';
import {address, keyed, listModels, showModel} from './client.js';
import {drawCompare, showCompare} from './compareview.js';
import {curlOf} from './curl.js';
import {askForKey, copyText, showCard, startControls} from './controls.js';
import {byId} from './dom.js';
import {explain, mapsOf, render, spikesOf} from './evidence.js';
import {showMaps, showName, showPicture, showStep, startFilm} from './filmview.js';
import {formats, t, tn} from './i18n.js';
import {startIntake} from './intake.js';
import {drawList, spoken, startList} from './listview.js';
import {Problem, problemText, wordText} from './problems.js';
import {showRaster} from './rasterview.js';
import {showSteps, stopSteps} from './stepsview.js';
import {showTimes} from './timesview.js';
import {MOST_FILMS, Worklist} from './worklist.js';

/** How long the selection rests before anything is asked for it, in ms. */
const REST = 120;

const list = new Worklist();
const choice = {model: null, point: ''};
const documents = new Map(); // models' documents, by name
const renewed = new Set(); // digests by which models were asked for anew
let models = [];

/** What is asked for of the selected film beside its answer: one thing at a time. */
class Pursuit {
  name = '';
  #abort = new AbortController();

  /**
   * Ends what was asked for before.
   * @param {string} name of what is asked for now
   * @returns {AbortSignal}
   */
  next(name) {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.name = name;
    return this.#abort.signal;
  }
}
const pictured = new Pursuit();
const explained = new Pursuit();

async function start() {
  await startControls({language: relabel});
  drawNotice();
  startFilm();
  startList(list, () => choice);
  startIntake((files) => {
    const left = list.add(files);
    if (left) say(tn('films.full', left, {most: formats.count(MOST_FILMS)}));
  });
  list.addEventListener('select', () => {
    pursue(true);
    layOut();
  });
  list.addEventListener('list', layOut);
  list.addEventListener('change', (event) => changed(event.detail));
  byId('model').addEventListener('change', (event) => useModel(event.target.value));
  byId('point').addEventListener('change', (event) => {
    choice.point = event.target.value;
    drawList(list, () => choice);
    drawSelected();
    drawCompare();
  });
  byId('steps').addEventListener('change', (event) => requery({...list.query, steps: event.target.value || undefined}));
  byId('positions').addEventListener('change', () => pursue(true));
  byId('cancel-all').addEventListener('click', () => list.cancelAll());
  byId('clear').addEventListener('click', () => {
    list.clear();
    byId('choose').focus();
  });
  byId('card-open').addEventListener('click', async () => {
    const document = await documentOf(choice.model.name).catch(report);
    if (document) showCard(document);
  });
  byId('evidence-retry').addEventListener('click', () => {
    redraw();
    byId('viewport').focus();
  });
  byId('banner-retry').addEventListener('click', connect);
  byId('curl-copy').addEventListener('click', () => copyText(byId('curl'), byId('curl-said')));
  addEventListener('online', () => { if (!byId('banner').hidden) connect(); });
  addEventListener('offline', () => banner(t('problem.offline')));
  layOut();
  await connect();
}

// connect learns which models there are, and takes up what was refused for want of a key or a connection.
async function connect() {
  banner('');
  try {
    models = await listModels();
    byId('model').replaceChildren(...models.map((m) => new Option(m.name, m.name)));
    useModel(models.some((m) => m.name === choice.model?.name) ? choice.model.name : models[0].name);
    for (const film of list.films) if (film.problem?.code === 'offline' || film.problem?.status === 401) list.retry(film);
    redraw();
  } catch (problem) {
    report(problem);
  }
}

function report(problem) {
  if (problem.status === 401) {
    askForKey(connect, () => banner(problemText(problem).title));
    return;
  }
  const said = problemText(problem);
  banner([said.title, said.advice || said.detail].filter(Boolean).join(' '));
}

function banner(words) {
  byId('banner').hidden = !words;
  byId('banner-text').textContent = words;
}

function say(words) {
  byId('live').textContent = words;
}

function useModel(name) {
  choice.model = documents.get(name) ?? models.find((m) => m.name === name);
  byId('model').value = name;
  drawPoints();
  requery({model: choice.model.default ? undefined : name});
  documentOf(name).then((document) => {
    if (choice.model.name !== name) return;
    choice.model = document;
    drawNotice();
    drawSelected();
  }, report);
}

async function documentOf(name) {
  if (!documents.has(name)) documents.set(name, await showModel(name));
  return documents.get(name);
}

function drawPoints() {
  const {model} = choice;
  const points = model?.operating_points ?? [];
  if (!points.some((p) => p.name === choice.point)) choice.point = '';
  const option = (value, text) => new Option(text, value, false, value === choice.point);
  byId('point').replaceChildren(option('', t('point.own')), ...points.map((p) =>
    option(p.name, t('point.option', {name: p.name, threshold: formats.share(p.threshold)}))));
  byId('point').disabled = points.length === 0;
  const most = model?.max_steps ?? 0;
  byId('steps-field').hidden = most < 2;
  byId('steps').replaceChildren(new Option(t('steps.every', {n: formats.count(most)}), ''),
    ...Array.from({length: Math.max(0, most - 1)}, (_, i) => new Option(formats.count(i + 1), i + 1)));
}

function requery(query) {
  const before = address('', list.query);
  list.query = query;
  if (address('', query) !== before) list.askAgain();
  drawList(list, () => choice);
  pursue(true);
}

function drawNotice() {
  const ages = choice.model?.description?.ages;
  const words = [t('notice')];
  if (ages) words.push(t('notice.ages', {from: formats.count(ages[0]), to: formats.count(ages[1])}));
  byId('notice').textContent = words.join(' ');
}

function changed(film) {
  // Who has closed the question for a key is not asked again for each film: the banner stays.
  const unasked = !byId('key-dialog').open && byId('banner').hidden;
  if (film.problem?.code === 'offline' || film.problem?.status === 401 && unasked) report(film.problem);
  const answer = film.state === 'answered' && list.answerOf(film);
  if (answer && choice.model && answer.model.digest !== choice.model.digest && !renewed.has(answer.model.digest)) {
    // The server has another version of the model by now.
    renewed.add(answer.model.digest);
    documents.clear();
    connect();
  }
  if (film === list.selected) {
    drawSelected();
    pursue(false);
    if (choice.model && ['answered', 'refused', 'failed', 'busy'].includes(film.state)) say(spoken(film, list.answerOf(film), choice.model, choice.point));
  }
  const left = list.films.filter((f) => ['waiting', 'running', 'busy'].includes(f.state)).length;
  if (left === 0 && list.films.length > 1 && film !== list.selected) say(tn('films.done', list.films.length));
}

// layOut shows the panels that there is something for.
function layOut() {
  const film = list.selected;
  byId('main').classList.toggle('empty', !film);
  for (const id of ['film-panel', 'answer-panel', 'more']) byId(id).hidden = !film;
  if (!film) byId('steps-panel').hidden = true;
}

// drawSelected shows what is known of the selected film.
function drawSelected() {
  const film = list.selected;
  if (!film || !choice.model) return;
  const answer = list.answerOf(film);
  showAnswer(film, answer, choice.model, choice.point, {
    retry: () => {
      list.retry(film);
      redraw();
    },
    cancel: () => list.cancel(film),
    remove: () => {
      list.remove(film);
      if (!list.selected) byId('choose').focus();
    },
    bits: (bits) => {
      film.bits = bits;
      list.retry(film);
    },
  });
  // Of a film that has no answer and will have none by itself, there is nothing more to show than the request.
  const without = ['refused', 'failed', 'cancelled'].includes(film.state);
  for (const id of ['steps-panel', 'times-panel', 'compare-panel', 'raster-panel']) byId(id).hidden = without;
  byId('service-notice').textContent = answer?.notice ?? '';
  byId('curl').textContent = curlOf(new URL(address('v1/predictions', {...list.queryOf(film), operating_point: choice.point}), document.baseURI).href, film.file.name, keyed());
}

// pursue asks for what is shown of the selected film alone: its rendering, and once it is answered what the network used. What is
// there or on its way already is left alone.
function pursue(anew) {
  const film = list.selected;
  const picture = film ? `${film.id} ${film.bits}` : '';
  if (picture !== pictured.name) {
    const signal = pictured.next(picture);
    showPicture(null, film ? t('film.loading') : '');
    byId('tools').hidden = false;
    if (film) {
      showName(film);
      show(film, signal);
    }
  }
  if (film && !byId('film').hidden) byId('film').setAttribute('aria-label', t('film.alt', {name: film.name}));
  const answered = film?.state === 'answered';
  const query = film ? {...list.queryOf(film), positions: byId('positions').value} : {};
  const hoped = ['waiting', 'running', 'busy'].includes(film?.state);
  const name = film ? `${film.id} ${answered} ${hoped} ${address('', query)}` : '';
  if (name === explained.name && !anew) return;
  const signal = explained.next(name);
  byId('evidence-retry').hidden = true;
  stopSteps();
  if (!film) return;
  drawSelected();
  drawEvidence(film, null, answered ? t('evidence.loading') : hoped ? t('evidence.none') : '', signal);
  if (!answered) return;
  settled(signal).then(() => explain(film, query, signal)).then((evidence) => drawEvidence(film, evidence, '', signal), (error) => {
    if (signal.aborted) return;
    drawEvidence(film, null, wordsOf(error), signal);
    byId('evidence-retry').hidden = false;
  });
}

// redraw asks again for what is not there.
function redraw() {
  if (byId('film').hidden) pictured.name = '';
  pursue(true);
}

// settled waits until the selection rests: whoever runs through the list asks nothing of the server.
async function settled(signal) {
  await new Promise((done) => setTimeout(done, REST));
  signal.throwIfAborted();
}

async function show(film, signal) {
  const box = byId('viewport').getBoundingClientRect();
  const size = Math.max(box.width, box.height) * devicePixelRatio > 1100 ? 2048 : 1024;
  try {
    await settled(signal);
    const picture = await render(film, size, signal);
    showPicture(picture, t('film.alt', {name: film.name}));
    picture.close();
  } catch (error) {
    if (signal.aborted) return;
    showPicture(null, t('film.none', {why: wordsOf(error)}));
    byId('tools').hidden = true;
    byId('evidence-retry').hidden = error.refusal;
  }
}

function wordsOf(error) {
  return error instanceof Problem ? problemText(error).title : t('problem.bad-answer');
}

function drawEvidence(film, evidence, absent, signal) {
  if (signal.aborted) return;
  const positive = choice.model ? wordText('label', choice.model.positive) : '';
  const query = list.queryOf(film);
  const answer = film.state === 'answered' ? list.answerOf(film) : undefined;
  showMaps(evidence, positive, mapsOf(evidence), absent);
  showSteps(evidence, positive, absent, showStep);
  showTimes(answer, evidence);
  showRaster(evidence, absent, (s) => spikesOf(film, query, s), signal, wordsOf);
  showCompare(answer ? models : [], choice,
    (model, s) => list.compare(film, queryFor(model), s), (model) => list.answerOf(film, queryFor(model)), signal);
}

function queryFor(name) {
  if (name === choice.model.name) return list.query;
  return {model: models.find((m) => m.name === name).default ? undefined : name};
}

function relabel() {
  if (choice.model) drawPoints();
  drawNotice();
  drawList(list, () => choice);
  pursue(true);
}

start().catch(() => {
  byId('banner').hidden = false;
  byId('banner-text').textContent = 'The page could not be loaded whole. Load it again.'; // there are no texts to take another from
  byId('banner-retry').hidden = true;
});
