// What the service says by codes, as sentences: every code of the service has one.
import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {before, test} from 'node:test';

import {speak, t, tn} from '../static/i18n.js';
import {problemOf, problemText, warningText, wordText} from '../static/problems.js';

const repository = new URL('../../../', import.meta.url);
const read = (name) => readFileSync(new URL(name, repository), 'utf8');

before(async () => {
  globalThis.document = {documentElement: {}, querySelectorAll: () => []};
  globalThis.fetch = async (url) => ({ok: true, json: async () => JSON.parse(read(`api/web/static/${url.replace('web/', '')}`))});
  await speak('en');
});

test('every type of problem in openapi.yaml has a title', () => {
  const types = [...read('api/openapi.yaml').matchAll(/urn:spikeray:problem:([a-z-]+)/g)].map((m) => m[1]);
  assert.ok(types.length > 20);
  for (const type of new Set(types)) {
    const said = problemText(problemOf(500, {type: `urn:spikeray:problem:${type}`, title: '', detail: 'why'}, null));
    assert.notEqual(said.title, t('problem.unknown', {status: 500}), type);
    assert.equal(said.detail, 'why');
  }
});

test('every warning, reason of the gate and word for a degraded answer has a sentence', () => {
  const sources = ['pkg/model', 'internal/radiograph', 'internal/dicom/film', 'internal/pipeline'].flatMap((folder) =>
    readdirSync(new URL(folder, repository)).filter((f) => f.endsWith('.go') && !f.endsWith('_test.go')).map((f) => read(`${folder}/${f}`))).join('\n');
  const codes = new Set([...sources.matchAll(/(?:warn\(|Sprintf\(|return d, |Warnings, |nil, )\s*(?:fmt\.Sprintf\()?"([a-z-]+): /g)].map((m) => m[1]));
  for (const m of sources.matchAll(/(?:doubt\(|Code: )"([a-z-]+)"/g)) codes.add(m[1]);
  for (const known of ['lossy', 'gate', 'age', 'view', 'body-part', 'uncalibrated', 'clipped', 'polarity', 'contrast']) assert.ok(codes.has(known), known);
  for (const code of ['png', 'tiff', 'model', 'api']) codes.delete(code);
  for (const code of codes) assert.notEqual(warningText(`${code}: x`).text, '', code);
  const words = /enum: \[(unavailable[a-z_, ]+), null\]/.exec(read('api/openapi.yaml'))[1].split(', ');
  for (const word of words) assert.match(wordText('degraded', word), /^The board/);
  for (const part of ['activation', 'occlusion', 'spikes', 'raster', 'anytime']) assert.notEqual(wordText('left', part), part);
});

test('an unknown code is shown as it is', () => {
  assert.deepEqual(warningText('novel: a new thing'), {code: 'novel', text: '', detail: 'novel: a new thing', grave: false});
  assert.equal(warningText('no code at all').detail, 'no code at all');
  assert.equal(warningText('constructor: x').text, '');
  assert.equal(problemText(problemOf(418, {type: 'urn:spikeray:problem:teapot', title: 'A teapot', detail: 'short'}, null)).title, 'A teapot');
  assert.equal(problemText(problemOf(502, null, null)).title, 'The service answered with an error (status 502).');
  assert.equal(problemText(problemOf(500, {type: 7, title: {}, detail: []}, null)).detail, '');
  assert.equal(wordText('degraded', 'some_thing'), 'some thing');
});

test('a server that asks for time is told from one that refuses', () => {
  const busy = problemOf(503, {type: 'urn:spikeray:problem:overloaded'}, '7');
  assert.deepEqual([busy.passing, busy.refusal, busy.retryAfter], [true, false, 7]);
  assert.equal(problemOf(503, null, 'Wed, 21 Oct 2026 07:28:00 GMT').retryAfter, 0);
  assert.equal(problemOf(503, null, '-1').retryAfter, 0);
  const refused = problemOf(415, {type: 'urn:spikeray:problem:unsupported-format'}, null);
  assert.deepEqual([refused.passing, refused.refusal], [false, true]);
});

test('a sentence takes a value as it is, and a plural its number', () => {
  assert.equal(t('film.alt', {name: '{label} $& <b>'}), 'The film {label} $& <b>, as the service sees it');
  assert.equal(t('no.such.text'), 'no.such.text');
  assert.equal(tn('films.count', 1), '1 film');
  assert.equal(tn('films.count', 1234), '1,234 films');
});
