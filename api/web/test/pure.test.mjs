// The parts of the page that need no browser: node --test api/web/test
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

import {curlOf, quoted} from '../static/curl.js';
import {shownName} from '../static/dom.js';
import {makeFormats} from '../static/format.js';
import {choose} from '../static/i18n.js';
import {sort} from '../static/listview.js';
import {parseInline, parseMarkdown} from '../static/markdown.js';
import {AGAINST, TOWARDS, pixels, scaleOf, spread} from '../static/palette.js';
import {linesOf, shades} from '../static/raster.js';
import {partsOf} from '../static/timesview.js';
import {decide} from '../static/worklist.js';

test('numbers are written as people of the language write them', () => {
  const [en, de, zh] = ['en', 'de', 'zh'].map(makeFormats);
  assert.equal(en.percent(0.98768), '98.8%');
  assert.equal(de.percent(0.98768), '98,8\u00a0%');
  assert.equal(zh.percent(0.98768), '98.8%');
  assert.equal(de.count(1420907), '1.420.907');
  assert.equal(en.signed(2.3309), '+2.33');
  assert.equal(en.signed(-0.05), '-0.050');
  assert.equal(en.signed(0), '0.000');
  assert.equal(en.ms(1.966), '1.97 ms');
  assert.equal(en.ms(1234.5), '1,235 ms');
  assert.equal(en.bytes(1_050_000), '1.05 MB');
});

test('no probability is written as certain', () => {
  const en = makeFormats('en');
  for (const p of [0, 1e-9, 0.0009]) assert.equal(en.percent(p), '<0.1%');
  for (const p of [1, 1 - 1e-9, 0.9991]) assert.equal(en.percent(p), '>99.9%');
  assert.equal(en.percent(0.999), '99.9%');
});

test('the language is the first wanted one that there is', () => {
  assert.equal(choose(['fr-FR', 'de-AT', 'en'], ['en', 'de', 'zh']), 'de');
  assert.equal(choose(['zh-Hant-TW'], ['en', 'de', 'zh']), 'zh');
  assert.equal(choose(['pt-BR'], ['pt', 'en', 'pt-br']), 'pt-br');
  assert.equal(choose([], ['en', 'de']), 'en');
});

test('a map has the colours of its sign and the opacity of its magnitude', () => {
  const map = [[-2, 0], [1, 2]];
  assert.equal(scaleOf(map), 2);
  assert.deepEqual([...pixels(map, 2)], [...AGAINST, 255, ...TOWARDS, 0, ...TOWARDS, 128, ...TOWARDS, 255]);
  assert.deepEqual([...pixels([[0]], 0)], [...TOWARDS, 0]);
  assert.deepEqual([AGAINST, TOWARDS], [[0, 114, 178], [213, 94, 0]]);
});

test('overlapping windows are laid as their mean, as the service draws them', () => {
  assert.deepEqual(spread([[1, 2], [3, 4]], 1), [[1, 2], [3, 4]]);
  assert.deepEqual(spread([[1, 3], [5, 7]], 2), [[1, 2, 3], [3, 4, 5], [5, 6, 7]]);
  const wide = spread(Array.from({length: 15}, () => new Array(15).fill(1)), 2);
  assert.equal(wide.length, 16);
  assert.ok(wide.flat().every((v) => v === 1));
});

test('a raster has every neuron on its line while there is room', () => {
  // [T][H][W][C] = 2, 1, 2, 2: neurons by channel, then by place.
  const raster = linesOf({shape: [2, 1, 2, 2], data: Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 8)}, 10);
  assert.deepEqual({...raster, means: [...raster.means]}, {
    steps: 2, neurons: 4, lines: 4, each: 1, means: [1, 0, 3, 0, 2, 0, 4, 8], most: 8, largest: 8});
});

test('a raster with more neurons than room has the means of several, the last line of fewer', () => {
  const raster = linesOf({shape: [1, 1, 5, 1], data: Uint8Array.of(1, 3, 5, 7, 9)}, 3);
  assert.equal(raster.each, 2);
  assert.deepEqual([...raster.means], [2, 6, 9]);
  // Where the rows are the steps: [H][W][C].
  const rows = linesOf({shape: [3, 2, 1], data: Uint8Array.of(1, 2, 3, 4, 5, 6)}, 8);
  assert.deepEqual([rows.steps, rows.neurons, ...rows.means], [3, 2, 1, 3, 5, 2, 4, 6]);
});

test('a silent neuron is black and the largest mean white', () => {
  const colours = shades(linesOf({shape: [1, 1, 3, 1], data: Uint8Array.of(0, 2, 4)}, 3));
  assert.deepEqual([...colours], [0, 0, 0, 255, 86, 180, 233, 255, 255, 255, 255, 255]);
  assert.deepEqual([...shades(linesOf({shape: [1, 1, 1, 1], data: Uint8Array.of(0)}, 3))], [0, 0, 0, 255]);
});

test('every block of a card is read', () => {
  assert.deepEqual(parseMarkdown('# A `b`\n\ntext\nmore\n- one\n- two\n  goes on\n\n1. first\n\n> said\n\n```\n# code | <b>\n```\n\n| a | b |\n|---|---|\n| 1 | x \\| y |\n'), [
    {type: 'heading', level: 1, inline: [{type: 'text', text: 'A '}, {type: 'code', text: 'b'}]},
    {type: 'paragraph', inline: [{type: 'text', text: 'text more'}]},
    {type: 'list', ordered: false, items: [[{type: 'text', text: 'one'}], [{type: 'text', text: 'two goes on'}]]},
    {type: 'list', ordered: true, items: [[{type: 'text', text: 'first'}]]},
    {type: 'quote', inline: [{type: 'text', text: 'said'}]},
    {type: 'code', text: '# code | <b>'},
    {type: 'table', rows: [[[{type: 'text', text: 'a'}], [{type: 'text', text: 'b'}]], [[{type: 'text', text: '1'}], [{type: 'text', text: 'x | y'}]]]},
  ]);
});

test('only links to web pages are links, and markup is text', () => {
  assert.deepEqual(parseInline('[a](https://example.org/x) [b](javascript:alert(1)) [c](docs/A.md) <img src=x onerror=alert(1)>'), [
    {type: 'link', text: 'a', href: 'https://example.org/x'},
    {type: 'text', text: ' '},
    {type: 'text', text: 'b'},
    {type: 'text', text: ') '},
    {type: 'text', text: 'c'},
    {type: 'text', text: ' <img src=x onerror=alert(1)>'},
  ]);
  assert.deepEqual(parseInline('**not** *a* 2 * 3 * 4 `un'), [
    {type: 'strong', text: 'not'}, {type: 'text', text: ' '}, {type: 'em', text: 'a'}, {type: 'text', text: ' 2 * 3 * 4 `un'}]);
});

test('the words of what is no link keep their marks', () => {
  assert.deepEqual(parseInline('[`a`\'s card](a.md)'), [{type: 'code', text: 'a'}, {type: 'text', text: "'s card"}]);
});

test('the shipped cards are read without anything left as marks', () => {
  for (const name of ['spikeray', 'spikeray-board', 'snnxray', 'snnxray-int8', 'cnnxray']) {
    const blocks = parseMarkdown(readFileSync(new URL(`../../../models/${name}.md`, import.meta.url), 'utf8'));
    assert.equal(blocks[0].type, 'heading');
    const inlines = blocks.flatMap((b) => [b.inline ?? [], ...(b.items ?? []), ...(b.rows ?? []).flat()]).flat();
    for (const one of inlines) if (one.type === 'text') assert.doesNotMatch(one.text, /\*\*|`|\]\(/, `${name}: ${one.text}`);
  }
});

test('a long card is read in a time that grows with its length', () => {
  const began = performance.now();
  parseMarkdown('['.repeat(20000));
  parseMarkdown('*a '.repeat(20000));
  parseMarkdown('`'.repeat(30000));
  parseMarkdown('- a\n'.repeat(20000));
  assert.ok(performance.now() - began < 3000);
});

test('the command is one line that a shell reads as it is meant', () => {
  assert.equal(quoted('a/b-c.png'), 'a/b-c.png');
  assert.equal(quoted("it's; rm -rf ~"), "'it'\\''s; rm -rf ~'");
  assert.equal(curlOf('http://h:1/v1/predictions?model=a&steps=1', 'my film.jpg', false), "curl --data-binary '@my film.jpg' 'http://h:1/v1/predictions?model=a&steps=1'");
  assert.equal(curlOf('http://h/v1/predictions', 'a\u001b[201~\nrm -rf ~', true), 'curl -H "Authorization: Bearer $SPIKERAY_KEY" --data-binary @FILE http://h/v1/predictions');
  assert.equal(curlOf('http://h/', 'a\u202egpj.exe', false), 'curl --data-binary @FILE http://h/');
});

test('a name shows nothing that it is not', () => {
  assert.equal(shownName('a\u202egpj.exe\n<b>'), 'a\ufffdgpj.exe\ufffd<b>');
});

const model = {
  positive: 'PNEUMONIA', max_steps: 2, operating_points: [{name: 'balanced', threshold: 0.5}, {name: 'screening', threshold: 0.1}],
  early: [{steps: 1, operating_points: [{name: 'screening', threshold: 0.2}]}],
};

test('the decision follows the operating point by the rule of the service', () => {
  const answer = {probability: 0.15, label: 'NORMAL', threshold: 0.5, operating_point: 'balanced', steps: 2, probabilities: {NORMAL: 0.85, PNEUMONIA: 0.15}};
  assert.deepEqual(decide(answer, model, ''), {label: 'NORMAL', threshold: 0.5, point: model.operating_points[0]});
  assert.deepEqual(decide(answer, model, 'screening'), {label: 'PNEUMONIA', threshold: 0.1, point: model.operating_points[1]});
  assert.equal(decide({...answer, steps: 1}, model, 'screening').label, 'NORMAL');
  assert.equal(decide({...answer, probability: 0.1, probabilities: {NORMAL: 0.9, PNEUMONIA: 0.1}}, model, 'screening').label, 'PNEUMONIA');
  const none = {probability: null, label: null, threshold: null, operating_point: null, steps: 1, probabilities: null};
  assert.deepEqual(decide(none, model, 'screening'), {label: null, threshold: null, point: null});
});

test('films are sorted, those without an answer last', () => {
  const films = [{id: 1, name: 'b10'}, {id: 2, name: 'b9'}, {id: 3, name: 'a'}];
  const probability = (f) => ({1: 0.9, 2: 0.1})[f.id] ?? null;
  const ids = (by, down) => sort(films, {by, down}, probability).map((f) => f.id);
  assert.deepEqual(ids('added', false), [1, 2, 3]);
  assert.deepEqual(ids('name', false), [3, 2, 1]);
  assert.deepEqual(ids('result', false), [2, 1, 3]);
  assert.deepEqual(ids('result', true), [1, 2, 3]);
});

test('the parts of the time add up to the whole', () => {
  const parts = partsOf({page_ms: 50, timing_ms: {queue: 1, decode: 2, prepare: 3, infer: 4, total: 12}});
  assert.deepEqual(parts.map((p) => p.ms), [1, 2, 3, 4, 2, 38]);
  assert.equal(parts.reduce((sum, p) => sum + p.ms, 0), 50);
});
