// Requests to the service's public routes. A picture goes to the page's own origin and nowhere else.
import {Problem, problemOf} from './problems.js';

let key = '';

/**
 * Keeps a key for the requests to come, in memory only.
 * @param {string} to
 */
export function useKey(to) {
  key = to;
}

/** @returns {boolean} whether there is a key */
export function keyed() {
  return key !== '';
}

/**
 * @param {string} path
 * @param {Record<string, string|number|undefined|null>} query parameters without a value are left out
 * @returns {string}
 */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '');
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/**
 * @param {string} url
 * @param {{body?: Blob, accept?: string, signal?: AbortSignal}} [options]
 * @returns {Promise<Response>} one with status 200
 * @throws {Problem} for any other answer, or none; the signal's reason if it ended the request
 */
export async function ask(url, options = {}) {
  const headers = new Headers({Accept: options.accept ?? 'application/json'});
  if (key) headers.set('Authorization', `Bearer ${key}`);
  // A file's own type is a guess from its name, which the service would refuse where it is wrong; it reads the bytes.
  if (options.body) headers.set('Content-Type', 'application/octet-stream');
  let answer;
  try {
    answer = await fetch(url, {
      method: options.body ? 'POST' : 'GET', headers, body: options.body, signal: options.signal,
      cache: 'no-store', credentials: 'same-origin', redirect: 'error', referrerPolicy: 'no-referrer',
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw await reasonOf(options.body);
  }
  if (answer.ok) return answer;
  throw problemOf(answer.status, await answer.json().catch(() => null), answer.headers.get('Retry-After'));
}

// reasonOf tells a server that cannot be reached from a file that cannot be read any more: to a browser both are the same error.
async function reasonOf(body) {
  try {
    await body?.slice(0, 1).arrayBuffer();
  } catch {
    return new Problem('unreadable-file');
  }
  return new Problem('offline');
}

/**
 * @param {string} url
 * @param {{body?: Blob, signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function askJSON(url, options = {}) {
  const answer = await ask(url, options);
  try {
    return await answer.json();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem('bad-answer', {status: answer.status});
  }
}

/** @returns {Promise<any[]>} the models, the default first */
export async function listModels() {
  return (await askJSON('v1/models')).models;
}

/**
 * @param {string} name
 * @returns {Promise<any>}
 */
export function showModel(name) {
  return askJSON(`v1/models/${encodeURIComponent(name)}`);
}
