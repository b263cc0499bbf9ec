// What the sections of the status page are made of. Text is only ever set as text.
import {el} from './dom.js';

// set changes a text only when it is another, so that a reader's place and a selection stay.
export function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** show hides or shows an element. */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/**
 * Table is a table whose rows change in place. columns are its headings; the first column heads the row. The numbers of all
 * others stand to the right unless words names their column.
 */
export class Table {
  #body = el('tbody');
  #rows = new Map(); // key to {row, cells}

  constructor(caption, columns, words = []) {
    this.words = new Set([0, ...words]);
    const heads = columns.map((c, i) => el('th', {scope: 'col', class: this.#align(i)}, c));
    const table = el('table', {}, el('caption', {}, caption), el('thead', {}, el('tr', {}, ...heads)), this.#body);
    // A wide table scrolls by itself, and a keyboard must be able to scroll it.
    this.element = el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption}, table);
  }

  #align(column) {
    return this.words.has(column) ? false : 'number';
  }

  /** fill shows rows, each an array of texts, the first of which is unlike those of other rows. marks names a class by key. */
  fill(rows, marks = {}) {
    const seen = new Set();
    let last = null;
    for (const texts of rows) {
      const key = texts[0];
      seen.add(key);
      let r = this.#rows.get(key);
      if (!r) {
        const cells = texts.map((_, i) => el(i ? 'td' : 'th', {scope: !i && 'row', class: this.#align(i)}));
        r = {row: el('tr', {}, ...cells), cells};
        this.#rows.set(key, r);
      }
      texts.forEach((text, i) => set(r.cells[i], text));
      if (r.row.className !== (marks[key] ?? '')) r.row.className = marks[key] ?? '';
      const place = last ? last.nextSibling : this.#body.firstChild;
      if (place !== r.row) this.#body.insertBefore(r.row, place);
      last = r.row;
    }
    for (const [key, {row}] of this.#rows) {
      if (!seen.has(key)) {
        row.remove();
        this.#rows.delete(key);
      }
    }
  }
}

/** section makes a section with a heading, and a paragraph of what it shows. */
export function section(id, title, note, ...children) {
  const text = note ? [el('p', {class: 'fine'}, note)] : [];
  return el(
    'section',
    {'aria-labelledby': `${id}-title`, id, class: 'panel'},
    el('h2', {id: `${id}-title`}, title),
    ...text,
    ...children,
  );
}

/** Formats writes numbers and units in a language. */
export class Formats {
  constructor(language) {
    const format = (options) => new Intl.NumberFormat(language, options);
    const few = format({maximumSignificantDigits: 3});
    const whole = format({maximumFractionDigits: 0});
    const share = format({style: 'percent', maximumFractionDigits: 1});
    const index = format({minimumFractionDigits: 3, maximumFractionDigits: 3});
    const none = '–';
    const or = (f) => (v) => (Number.isFinite(v) ? f(v) : none);
    this.count = or((v) => whole.format(v));
    this.few = or((v) => (Math.abs(v) >= 100 ? whole.format(v) : few.format(v)));
    this.share = or((v) => share.format(v));
    this.index = or((v) => index.format(v));
    this.rate = or((v) => `${this.few(v)}/s`);
    this.bytes = or((v) => {
      const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
      let i = 0;
      for (; Math.abs(v) >= 1024 && i < units.length - 1; i++) v /= 1024;
      return `${this.few(v)} ${units[i]}`;
    });
    this.seconds = or((v) => {
      if (v >= 1 || v === 0) return `${this.few(v)} s`;
      return v >= 0.001 ? `${this.few(v * 1e3)} ms` : `${this.few(v * 1e6)} µs`;
    });
    this.big = or((v) => format({notation: 'compact', maximumSignificantDigits: 3}).format(v));
    this.span = or((v) => {
      const [d, h, m] = [Math.floor(v / 86400), Math.floor(v / 3600) % 24, Math.floor(v / 60) % 60];
      if (d) return `${d} d ${h} h`;
      return h ? `${h} h ${m} min` : m ? `${m} min` : `${Math.floor(v)} s`;
    });
    const clock = new Intl.DateTimeFormat(language, {hour: '2-digit', minute: '2-digit', second: '2-digit'});
    this.clock = (ms) => clock.format(ms);
  }
}
