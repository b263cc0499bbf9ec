// The films, and the queue that has them answered. It knows nothing of how anything looks.
import {address, askJSON} from './client.js';
import {shownName} from './dom.js';

/** The most films in the list. */
export const MOST_FILMS = 1000;
const AT_A_TIME = 2;
const TRIES = 3;

/**
 * @typedef {'waiting'|'running'|'busy'|'answered'|'refused'|'failed'|'cancelled'} State
 *
 * @typedef {object} Film
 * @property {number} id
 * @property {File} file what the browser holds is a reference, not the bytes
 * @property {string} name as it can be shown
 * @property {number} bits significant bits of 16-bit samples, 0 if nobody said
 * @property {State} state
 * @property {import('./problems.js').Problem|null} problem
 * @property {Map<string, any>} answers by query
 * @property {number} tries
 * @property {number} again when a busy server is asked again, in ms as Date.now()
 * @property {AbortController|null} abort
 */

/** Events: "change" (detail: a film), "list" (films come or go), "select". */
export class Worklist extends EventTarget {
  /** @type {Film[]} */
  films = [];
  /** @type {Film|null} */
  selected = null;
  /** The query that all films are asked with: model and steps. */
  query = {};
  #next = 1;
  #running = 0;
  #pause = 0;

  /**
   * @param {Iterable<File>} files
   * @returns {number} how many did not fit
   */
  add(files) {
    let left = 0;
    for (const file of files) {
      if (this.films.length >= MOST_FILMS) {
        left++;
        continue;
      }
      this.films.push({
        id: this.#next++, file, name: shownName(file.name), bits: 0, state: 'waiting', problem: null, answers: new Map(), tries: 0, again: 0, abort: null,
      });
    }
    this.#tell('list');
    if (!this.selected && this.films.length) this.select(this.films[0]);
    this.#run();
    return left;
  }

  /** @param {Film|null} film */
  select(film) {
    this.selected = film;
    this.#tell('select');
  }

  /** @param {Film} film */
  remove(film) {
    film.abort?.abort();
    const at = this.films.indexOf(film);
    this.films.splice(at, 1);
    film.state = 'cancelled';
    this.#tell('list');
    if (this.selected === film) this.select(this.films[Math.min(at, this.films.length - 1)] ?? null);
  }

  clear() {
    for (const film of this.films) film.abort?.abort();
    this.films = [];
    this.#tell('list');
    this.select(null);
  }

  /** @param {Film} film */
  cancel(film) {
    if (!['waiting', 'running', 'busy'].includes(film.state)) return;
    film.abort?.abort();
    this.#set(film, 'cancelled');
  }

  cancelAll() {
    for (const film of this.films) this.cancel(film);
  }

  /** @param {Film} film */
  retry(film) {
    film.tries = 0;
    this.#pause = 0;
    this.#set(film, 'waiting');
    this.#run();
  }

  /** Has every film answered by the query that is now in force, unless it was already. */
  askAgain() {
    for (const film of this.films) {
      film.abort?.abort();
      film.tries = 0;
      this.#set(film, this.answerOf(film) ? 'answered' : 'waiting');
    }
    this.#run();
  }

  /**
   * @param {Film} film
   * @param {object} [query] instead of the one in force
   * @returns {Record<string, any>} the parameters that the film is asked with
   */
  queryOf(film, query = this.query) {
    return {...query, bits: film.bits || undefined};
  }

  /**
   * @param {Film} film
   * @param {object} [query]
   * @returns {any} its answer, if there is one
   */
  answerOf(film, query) {
    return film.answers.get(address('', this.queryOf(film, query)));
  }

  /**
   * Asks for an answer beside the queue, for a comparison.
   * @param {Film} film
   * @param {object} query
   * @param {AbortSignal} signal
   */
  async compare(film, query, signal) {
    const full = this.queryOf(film, query);
    const known = this.answerOf(film, query);
    if (known) return known;
    return this.#ask(film, full, signal);
  }

  async #ask(film, query, signal) {
    const began = performance.now();
    const answer = await askJSON(address('v1/predictions', query), {body: film.file, signal});
    answer.page_ms = performance.now() - began;
    film.answers.set(address('', query), answer);
    return answer;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, {detail}));
  }

  #set(film, state, problem = null) {
    film.state = state;
    film.problem = problem;
    this.#tell('change', film);
  }

  // The selected film goes first, then those that wait longest.
  #pick() {
    const now = Date.now();
    if (now < this.#pause) return null;
    const ready = (f) => f.state === 'waiting' || f.state === 'busy' && now >= f.again;
    return this.selected && ready(this.selected) ? this.selected : this.films.find(ready);
  }

  #run() {
    for (let film; this.#running < AT_A_TIME && (film = this.#pick());) this.#answer(film);
  }

  async #answer(film) {
    const abort = film.abort = new AbortController();
    const query = this.queryOf(film);
    this.#running++;
    film.tries++;
    this.#set(film, 'running');
    let state = 'answered';
    let problem = null;
    try {
      await this.#ask(film, query, abort.signal);
    } catch (error) {
      if (!abort.signal.aborted) {
        problem = error;
        state = error.refusal ? 'refused' : 'failed';
        if (error.passing) this.#wait(film, error);
        if (error.passing && film.tries < TRIES) state = 'busy';
      }
    }
    this.#running--;
    // One that was cancelled, or is asked something else by now, has its state from there.
    if (!abort.signal.aborted) {
      film.abort = null;
      this.#set(film, state, problem);
    }
    this.#run();
  }

  // A server that is full asks for time: nothing is sent before it is over.
  #wait(film, problem) {
    const ms = 1000 * Math.min(Math.max(problem.retryAfter, 1), 300);
    film.again = this.#pause = Date.now() + ms;
    setTimeout(() => this.#run(), ms + 20);
  }
}

/**
 * @param {any} answer
 * @param {any} model as in the service's list
 * @param {string} point the operating point's name, "" for the one that the service took
 * @returns {{label: string|null, threshold: number|null, point: any}} the decision, by the service's rule: the positive label from the
 *   threshold on, otherwise the most probable of the others
 */
export function decide(answer, model, point) {
  const own = {label: answer.label, threshold: answer.threshold, point: pointOf(answer, model, answer.operating_point)};
  if (answer.probability === null) return own;
  const chosen = point ? pointOf(answer, model, point) : null;
  if (!chosen) return own;
  const others = Object.entries(answer.probabilities).filter(([label]) => label !== model.positive).sort((a, b) => b[1] - a[1]);
  return {label: answer.probability >= chosen.threshold ? model.positive : others[0][0], threshold: chosen.threshold, point: chosen};
}

function pointOf(answer, model, name) {
  const early = answer.steps !== null && answer.steps < model.max_steps && model.early.find((e) => e.steps === answer.steps);
  return (early || model).operating_points?.find((p) => p.name === name) ?? null;
}
