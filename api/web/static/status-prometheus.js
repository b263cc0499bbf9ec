// Prometheus' text format, version 0.0.4, as the server writes it:
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

const maxText = 8 << 20; // characters; a server's metrics are some 40 thousand
const maxSamples = 50_000; // some 600
const name = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const label = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const infinite = /^([+-]?)inf(?:inity)?$/i;
const escapes = {'\\': '\\', '"': '"', n: '\n'};

/**
 * parse reads a scrape: a Map from the name of a sample (a histogram's are NAME_bucket, NAME_sum and NAME_count) to its
 * samples, each {labels: Map, value}. It throws an Error that names the line of what is not in the format.
 */
export function parse(text) {
  if (text.length > maxText) throw new Error(`the metrics have ${text.length} characters, more than ${maxText}`);
  const samples = new Map();
  let count = 0;
  text.split('\n').forEach((line, i, lines) => {
    try {
      if (i === lines.length - 1) {
        if (line) throw new Error('the last line has no line feed: the answer was cut');
        return;
      }
      const sample = parseLine(line);
      if (!sample) return;
      if (++count > maxSamples) throw new Error(`more than ${maxSamples} samples`);
      if (!samples.has(sample.name)) samples.set(sample.name, []);
      samples.get(sample.name).push(sample);
    } catch (e) {
      throw new Error(`metrics, line ${i + 1}: ${e.message}`);
    }
  });
  return samples;
}

// parseLine gives the sample of a line; null for an empty one and for a comment.
function parseLine(line) {
  let at = skipBlanks(line, 0);
  if (at === line.length || line[at] === '#') return null;
  const read = (pattern, what) => {
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (!found) throw new Error(`${what} is missing at character ${at + 1}`);
    at = skipBlanks(line, pattern.lastIndex);
    return found[0];
  };
  const sample = {name: read(name, 'a metric name'), labels: new Map(), value: 0};
  if (line[at] === '{') {
    at = skipBlanks(line, at + 1);
    while (line[at] !== '}') {
      const key = read(label, 'a label name');
      if (line[at] !== '=') throw new Error(`"=" is missing after label ${key}`);
      if (sample.labels.has(key)) throw new Error(`label ${key} is there twice`);
      const value = quoted(line, skipBlanks(line, at + 1));
      sample.labels.set(key, value.text);
      at = skipBlanks(line, value.end);
      if (line[at] === ',') at = skipBlanks(line, at + 1);
      else if (line[at] !== '}') throw new Error('"," or "}" is missing after a label');
    }
    at = skipBlanks(line, at + 1);
  }
  const [value, time, ...more] = line
    .slice(at)
    .trim()
    .split(/[ \t]+/);
  sample.value = parseNumber(value);
  if (more.length || (time !== undefined && !/^-?\d+$/.test(time))) throw new Error('more follows the value than a time');
  return sample;
}

function skipBlanks(line, at) {
  while (line[at] === ' ' || line[at] === '\t') at++;
  return at;
}

// quoted reads a label's value with its quotation marks.
function quoted(line, at) {
  if (line[at] !== '"') throw new Error(`a quotation mark is missing at character ${at + 1}`);
  let text = '';
  for (at++; at < line.length; at++) {
    if (line[at] === '"') return {text, end: at + 1};
    if (line[at] === '\\') {
      const escaped = escapes[line[++at]];
      if (escaped === undefined) throw new Error('a backslash stands before what needs none');
      text += escaped;
    } else {
      text += line[at];
    }
  }
  throw new Error('a quotation mark is not closed');
}

function parseNumber(text) {
  if (number.test(text)) return Number(text);
  const sign = infinite.exec(text);
  if (sign) return sign[1] === '-' ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  throw new Error(`the value ${JSON.stringify(text)} is not a number`);
}

/**
 * quantile estimates the value below which a share q of a histogram's observations lies, as Prometheus' histogram_quantile
 * does for classic buckets: linear within a bucket, from 0 in the first one, and the last finite bound for what lies above
 * it. buckets are [upper bound, observations up to it] in ascending order, the last of +Inf. NaN without observations.
 */
export function quantile(q, buckets) {
  const last = buckets.length - 1;
  if (last < 1 || buckets[last][0] !== Infinity) return NaN;
  // Buckets are read one after the other while observations come in, so a later one may seem to have fewer.
  const cumulative = [];
  for (const [, n] of buckets) cumulative.push(Math.max(n, cumulative.at(-1) ?? 0));
  const all = cumulative[last];
  if (!(all > 0)) return NaN;
  const rank = q * all;
  const b = cumulative.findIndex((n) => n >= rank);
  if (b === last) return buckets[last - 1][0];
  const end = buckets[b][0];
  if (b === 0 && end <= 0) return end;
  const start = b ? buckets[b - 1][0] : 0;
  const before = b ? cumulative[b - 1] : 0;
  return start + (end - start) * ((rank - before) / (cumulative[b] - before));
}
