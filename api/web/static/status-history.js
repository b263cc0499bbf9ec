// The latest scrapes in little memory, and what counters did between them.
import {names} from './status-names.js';

/** How many scrapes are kept, and how long the window of rates and quantiles is, in milliseconds. */
export const kept = 300;
export const windowLength = 60_000;
const maxSeries = 5000;

// A series' key; \u0001 is in no name, and what is in a label's value is written as JSON.
const keyOf = (name, labels) => name + '\u0001' + JSON.stringify([...labels].sort());

/**
 * History keeps the latest scrapes, each as a row of numbers. A restart of the server begins a new one, since counters then
 * begin at 0 again.
 */
export class History {
  #columns = new Map(); // key to column
  #series = []; // by column: {name, labels}
  #byName = new Map(); // name to columns
  #rows = []; // {time, values, gap}

  /** restarts counts how often the server was seen to have begun anew. */
  restarts = 0;

  /** add takes a scrape of a time in milliseconds. */
  add(time, samples) {
    const started = samples.get(names.started)?.[0]?.value ?? NaN;
    if (this.#rows.length && !Object.is(started, this.value(names.started))) {
      this.restarts++;
      this.#columns.clear();
      this.#byName.clear();
      this.#series = [];
      this.#rows = [];
    }
    const found = [];
    for (const [name, all] of samples) {
      for (const {labels, value} of all) found.push([this.#column(name, labels), value]);
    }
    const values = new Float64Array(this.#series.length).fill(NaN);
    for (const [column, value] of found) if (column !== undefined) values[column] = value;
    this.#rows.push({time, values, gap: false});
    if (this.#rows.length > kept) this.#rows.shift();
  }

  /** miss notes that a scrape failed: the next one is not joined to the last. */
  miss() {
    const last = this.#rows.at(-1);
    if (last) last.gap = true;
  }

  #column(name, labels) {
    const key = keyOf(name, labels);
    let column = this.#columns.get(key);
    if (column === undefined && this.#series.length < maxSeries) {
      column = this.#series.length;
      this.#columns.set(key, column);
      this.#series.push({name, labels});
      if (!this.#byName.has(name)) this.#byName.set(name, []);
      this.#byName.get(name).push(column);
    }
    return column;
  }

  get length() {
    return this.#rows.length;
  }

  /** times are those of the scrapes, in milliseconds. */
  get times() {
    return this.#rows.map((r) => r.time);
  }

  /** gaps says of each scrape whether none followed it in time. */
  get gaps() {
    return this.#rows.map((r) => r.gap);
  }

  /** has says whether the latest scrape had a metric. */
  has(name) {
    return this.series(name).length > 0;
  }

  /** series are those of a metric that the latest scrape had, each {labels, column, value}. */
  series(name, where = {}) {
    const row = this.#rows.at(-1);
    return this.#select(name, where)
      .map((column) => ({labels: this.#series[column].labels, column, value: row.values[column] ?? NaN}))
      .filter((s) => !Number.isNaN(s.value));
  }

  // #select gives the columns of a metric whose labels have these values.
  #select(name, where) {
    const wanted = Object.entries(where);
    return (this.#byName.get(name) ?? []).filter((c) => wanted.every(([k, v]) => this.#series[c].labels.get(k) === v));
  }

  /** value is the sum of a metric's series at the latest scrape or at another one; NaN where there are none. */
  value(name, where = {}, at = this.#rows.length - 1) {
    return this.#sum(this.#select(name, where), at);
  }

  #sum(columns, at) {
    const values = this.#rows[at]?.values;
    let sum = NaN;
    for (const c of columns) {
      const v = values?.[c];
      if (v !== undefined && !Number.isNaN(v)) sum = (Number.isNaN(sum) ? 0 : sum) + v;
    }
    return sum;
  }

  /** line is value at each scrape. */
  line(name, where = {}) {
    const columns = this.#select(name, where);
    return this.#rows.map((_, at) => this.#sum(columns, at));
  }

  // #first is the scrape at which the window that ends at one begins; the window is at most windowLength.
  #first(at) {
    let first = at;
    while (first > 0 && this.#rows[at].time - this.#rows[first - 1].time <= windowLength) first--;
    return first;
  }

  /**
   * increase is by how much a counter rose in the window that ends at a scrape, the latest if none is said: {by, seconds}.
   * A series that was not there at its beginning began at 0; one that is gone at its end does not count.
   */
  increase(name, where = {}, at = this.#rows.length - 1) {
    return this.#increase(this.#select(name, where), at);
  }

  #increase(columns, at) {
    if (at < 0) return {by: NaN, seconds: 0};
    const [now, first] = [this.#rows[at], this.#rows[this.#first(at)]];
    let by = NaN;
    for (const c of columns) {
      const v = now.values[c] ?? NaN;
      if (!Number.isNaN(v)) by = (Number.isNaN(by) ? 0 : by) + v - (first.values[c] || 0);
    }
    return {by, seconds: (now.time - first.time) / 1000};
  }

  /** rate is increase a second; NaN before there are two scrapes. */
  rate(name, where = {}, at = this.#rows.length - 1) {
    const {by, seconds} = this.increase(name, where, at);
    return seconds > 0 ? by / seconds : NaN;
  }

  /** rates is rate at each scrape. */
  rates(name, where = {}) {
    const columns = this.#select(name, where);
    return this.#rows.map((_, at) => {
      const {by, seconds} = this.#increase(columns, at);
      return seconds > 0 ? by / seconds : NaN;
    });
  }

  /** buckets are those of a histogram with what was observed in the window that ends at a scrape, ascending. */
  buckets(name, where = {}, at = this.#rows.length - 1) {
    const bounds = new Map();
    for (const c of this.#select(`${name}_bucket`, where)) {
      const le = this.#series[c].labels.get('le');
      const bound = le === '+Inf' ? Infinity : Number(le);
      if (!bounds.has(bound)) bounds.set(bound, []);
      bounds.get(bound).push(c);
    }
    return [...bounds].sort(([a], [b]) => a - b).map(([bound, columns]) => [bound, this.#increase(columns, at).by]);
  }
}
