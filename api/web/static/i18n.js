// The page's texts, from one file for each language.
import {makeFormats} from './format.js';

let texts = {};
/** The language in use, as a BCP 47 tag. */
export let language = 'en';
/** @type {import('./format.js').Formats} */
export let formats = makeFormats('en');

/**
 * The best of the languages that there are: what is asked for, else the first of the browser's, else English.
 * @param {string[]} wanted in order, such as "de-AT"
 * @param {string[]} there
 * @returns {string}
 */
export function choose(wanted, there) {
  for (const tag of wanted) {
    const exact = there.find((l) => l.toLowerCase() === tag.toLowerCase());
    const near = there.find((l) => l.toLowerCase() === tag.toLowerCase().split('-')[0]);
    if (exact || near) return exact || near;
  }
  return 'en';
}

/**
 * Loads the texts of a language and puts those that index.html asks for in their places.
 * @param {string} to
 */
export async function speak(to) {
  const answer = await fetch(`web/locale/${to}.json`);
  if (!answer.ok) throw new Error(`no texts for ${to}`);
  texts = await answer.json();
  language = to;
  formats = makeFormats(to);
  document.documentElement.lang = to;
  translate(document);
}

/**
 * Fills the elements with data-t (their text) and data-t-label (their accessible name).
 * @param {ParentNode} root
 */
export function translate(root) {
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll('[data-t-label]')) node.setAttribute('aria-label', t(node.dataset.tLabel));
}

/**
 * @param {string} key
 * @param {Record<string, string|number>} [values] for the names in braces; a name in a sentence is kept to its own direction of writing
 * @returns {string} the key itself if there is no such text
 */
export function t(key, values = {}) {
  const text = Object.hasOwn(texts, key) ? texts[key] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}

/**
 * A text that depends on a number: the keys end with the plural's category.
 * @param {string} key
 * @param {number} n
 * @param {Record<string, string|number>} [values]
 * @returns {string}
 */
export function tn(key, n, values = {}) {
  const one = `${key}.${formats.plural(n)}`;
  return t(Object.hasOwn(texts, one) ? one : `${key}.other`, {n: formats.count(n), ...values});
}

/**
 * @param {string} key
 * @returns {boolean} whether there is such a text
 */
export function has(key) {
  return Object.hasOwn(texts, key);
}

/**
 * @param {string} text from outside, to be put into a sentence
 * @returns {string} kept to its own direction of writing
 */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}
