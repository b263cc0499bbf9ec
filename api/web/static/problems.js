// What the service says by codes, as sentences.
import {has, t} from './i18n.js';

/** An answer that is none: a problem document (RFC 9457), or no answer at all. */
export class Problem extends Error {
  /**
   * @param {string} name the last part of the document's type, or one of "offline", "unreadable-file", "bad-answer"
   * @param {{status?: number, title?: string, detail?: string, retryAfter?: number, instance?: string}} [said]
   */
  constructor(name, said = {}) {
    super(said.detail || name);
    this.name = 'Problem';
    this.code = name;
    this.status = said.status ?? 0;
    this.title = said.title ?? '';
    this.detail = said.detail ?? '';
    this.instance = said.instance ?? '';
    /** Seconds after which the server asks to be asked again; 0 where it does not. */
    this.retryAfter = said.retryAfter ?? 0;
  }

  /** Whether the same request may be answered later. */
  get passing() {
    return this.status === 503 || this.status === 429;
  }

  /** Whether the picture is at fault, and not the way to an answer. */
  get refusal() {
    return [400, 413, 415, 422].includes(this.status);
  }
}

const PREFIX = 'urn:spikeray:problem:';

/**
 * @param {number} status
 * @param {unknown} document what came, perhaps no problem document
 * @param {string|null} retryAfter the header, of which only whole seconds are read
 * @returns {Problem}
 */
export function problemOf(status, document, retryAfter) {
  const d = document && typeof document === 'object' ? document : {};
  const text = (v) => (typeof v === 'string' ? v : '');
  const type = text(d.type);
  const after = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : 0;
  const name = type.startsWith(PREFIX) ? type.slice(PREFIX.length) : type && type !== 'about:blank' ? type : `http-${status}`;
  return new Problem(name, {status, title: text(d.title), detail: text(d.detail), instance: text(d.instance), retryAfter: after});
}

/**
 * @param {Problem} problem
 * @returns {{title: string, advice: string, detail: string, code: string}} a title that is not known is the service's own
 */
export function problemText(problem) {
  const known = has(`problem.${problem.code}`);
  const byStatus = problem.status === 401 ? 'problem.unauthorized' : problem.status === 403 ? 'problem.forbidden' : 'problem.unknown';
  return {
    title: known ? t(`problem.${problem.code}`) : problem.title || t(byStatus, {status: problem.status}),
    advice: has(`advice.${problem.code}`) ? t(`advice.${problem.code}`) : '',
    detail: problem.detail,
    code: problem.code,
  };
}

/** Codes of warnings by which an answer may mean nothing. */
const GRAVE = new Set(['gate', 'view', 'body-part', 'age', 'damaged', 'polarity', 'for-processing', 'saturated', 'lost']);

/** Codes of warnings whose sentence leaves nothing out. */
const WHOLE = new Set(['alpha', 'burned-in', 'for-processing', 'lossy']);

/**
 * @param {string} warning a code, a colon and a sentence
 * @returns {{code: string, text: string, detail: string, grave: boolean}} text is empty for a code that is not known, and
 *   detail, the service's own words, where text says all of them
 */
export function warningText(warning) {
  const colon = warning.indexOf(':');
  const code = colon > 0 ? warning.slice(0, colon) : '';
  const known = has(`warning.${code}`);
  return {code, text: known ? t(`warning.${code}`) : '', detail: !known ? warning : WHOLE.has(code) ? '' : warning.slice(colon + 1).trim(), grave: GRAVE.has(code)};
}

/**
 * A word of the service in the page's language, or the word itself.
 * @param {string} group such as "degraded"
 * @param {string} word
 * @returns {string}
 */
export function wordText(group, word) {
  return has(`${group}.${word}`) ? t(`${group}.${word}`) : word.replaceAll('_', ' ');
}
