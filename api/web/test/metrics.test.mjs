// The live view's reading of metrics against Prometheus' own, and its history.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import test from 'node:test';

import {History, kept} from '../static/status-history.js';
import {names} from '../static/status-names.js';
import {parse, quantile} from '../static/status-prometheus.js';

// What metrics.py had Prometheus read.
const golden = JSON.parse(readFileSync(new URL('metrics.json', import.meta.url)));

// Prometheus takes these, though the format says otherwise: labels without a comma, and a text that ends within a line, which
// may be one that was cut.
const laxer = new Set(['a{b="c" d="e"} 1\n', 'a 1']);
const number = (v) => ({NaN, '+Inf': Infinity, '-Inf': -Infinity})[v] ?? v;

test('texts are read as Prometheus reads them', () => {
  assert.ok(golden.texts.length > 30);
  for (const {text, samples} of golden.texts) {
    if (samples === null || laxer.has(text)) {
      assert.throws(() => parse(text), /^Error: metrics, line 1: /, text);
      continue;
    }
    const read = [...parse(text)].flatMap(([name, all]) => all.map((s) => [name, Object.fromEntries(s.labels), s.value]));
    const sorted = (all) => all.map((s) => JSON.stringify([s[0], s[1], String(s[2])])).sort();
    assert.deepEqual(sorted(read), sorted(samples.map(([n, l, v]) => [n, l, number(v)])), text);
  }
});

test('quantiles are those of histogram_quantile', () => {
  for (const {bounds, counts, quantiles} of golden.histograms) {
    const buckets = bounds.map((b, i) => [number(b), counts[i]]);
    golden.shares.forEach((q, i) => {
      const [got, want] = [quantile(q, buckets), number(quantiles[i])];
      assert.ok(
        Object.is(got, want) || Math.abs(got - want) <= 1e-12 * Math.abs(want),
        `${q} of ${JSON.stringify(buckets)}: ${got}, want ${want}`,
      );
    });
  }
});

test('what is hostile is refused in little time', () => {
  for (const text of [
    'a'.repeat(9 << 20),
    'a 1\n'.repeat(60_000),
    `a{${'b="c",'.repeat(3)}} 1\n`,
    'a{b="\\x"} 1\n',
    `a{b="${'\\'.repeat(100_001)}"} 1\n`,
  ]) {
    const began = process.cpuUsage();
    assert.throws(() => parse(text), Error);
    const {user} = process.cpuUsage(began);
    assert.ok(user < 2e6, `${user} microseconds`);
  }
});

test('a label named __proto__ is a label', () => {
  const [sample] = parse('a{__proto__="x",constructor="y"} 1\n').get('a');
  assert.deepEqual(
    [...sample.labels],
    [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ],
  );
});

const scrape = (requests, {started = 1, more = ''} = {}) =>
  parse(`${names.started} ${started}\n${names.requests}{code="200"} ${requests}\n${more}`);
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a}, want ${b}`);

test('rates are of the latest minute', () => {
  const h = new History();
  for (let i = 0; i <= 100; i++) h.add(2000 * i, scrape(i < 50 ? 10 * i : 490 + (i - 49)));
  near(h.rate(names.requests), 0.5); // one in 2 s since the minute before the last
  near(h.increase(names.requests).seconds, 60);
  near(h.rate(names.requests, {}, 40), 5);
  near(h.rates(names.requests)[40], 5);
  assert.ok(Number.isNaN(h.rate(names.requests, {}, 0)));
});

test('a series that appears began at 0, and one that goes does not count', () => {
  const h = new History();
  h.add(0, scrape(7));
  h.add(2000, scrape(8, {more: `${names.requests}{code="503"} 4\n`}));
  near(h.increase(names.requests, {code: '503'}).by, 4);
  near(h.increase(names.requests).by, 5);
  h.add(4000, parse(`${names.started} 1\n${names.requests}{code="503"} 5\n`));
  near(h.increase(names.requests).by, 5);
  assert.deepEqual(
    h.series(names.requests).map((s) => s.labels.get('code')),
    ['503'],
  );
});

test('a restart begins anew, and rates are never negative', () => {
  const h = new History();
  h.add(0, scrape(1000));
  h.add(2000, scrape(1010));
  h.add(4000, scrape(2, {started: 3}));
  assert.equal(h.restarts, 1);
  assert.equal(h.length, 1);
  h.add(6000, scrape(4, {started: 3}));
  near(h.rate(names.requests), 1);
});

test('the history is bounded', () => {
  const h = new History();
  for (let i = 0; i < kept + 50; i++) h.add(2000 * i, scrape(i, {more: `other{n="${i}"} 1\n`}));
  assert.equal(h.length, kept);
  const many = new History();
  many.add(0, parse(Array.from({length: 20_000}, (_, i) => `other{n="${i}"} 1\n`).join('')));
  assert.ok(many.series('other').length <= 5000);
});

test('a histogram gives what was observed in the latest minute', () => {
  const text = (a, b) =>
    parse(`${names.started} 1\nh_bucket{s="x",le="1"} ${a}\nh_bucket{s="x",le="+Inf"} ${b}\nh_bucket{s="y",le="1"} 500\n`);
  const h = new History();
  h.add(0, text(100, 100));
  h.add(2000, text(103, 105));
  assert.deepEqual(h.buckets('h', {s: 'x'}), [
    [1, 3],
    [Infinity, 5],
  ]);
  near(quantile(0.3, h.buckets('h', {s: 'x'})), 0.5);
});

test('gaps are where scrapes failed', () => {
  const h = new History();
  h.miss();
  h.add(0, scrape(1));
  h.add(2000, scrape(2));
  h.miss();
  h.add(9000, scrape(3));
  assert.deepEqual(h.gaps, [false, true, false]);
});
