// The reader of rasters, against files that are made here byte by byte.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {readNPZ} from '../static/npz.js';

const text = (s) => [...Buffer.from(s, 'latin1')];
const le = (n, bytes) => Array.from({length: bytes}, (_, i) => Math.floor(n / 2 ** (8 * i)) % 256);

function npy(shape, data, header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`) {
  const words = `${header}\n`;
  return [0x93, ...text('NUMPY'), 1, 0, ...le(words.length, 2), ...text(words), ...data];
}

// zip makes a file as Go's archive/zip does: sizes behind the data, stored.
function zip(entries, change = {}) {
  const out = [];
  const directory = [];
  for (const [name, data] of Object.entries(entries)) {
    const at = out.length;
    out.push(...text('PK\x03\x04'), ...le(20, 2), ...le(8, 2), ...le(0, 2), ...le(0, 4), ...le(0, 4), ...le(0, 4), ...le(0, 4),
      ...le(name.length, 2), ...le(0, 2), ...text(name), ...data, ...text('PK\x07\x08'), ...le(0, 4), ...le(data.length, 4), ...le(data.length, 4));
    directory.push(...text('PK\x01\x02'), ...le(20, 2), ...le(20, 2), ...le(8, 2), ...le(change.method ?? 0, 2), ...le(0, 4), ...le(0, 4),
      ...le(data.length, 4), ...le(change.size ?? data.length, 4), ...le(name.length, 2), ...le(0, 2), ...le(0, 2), ...le(0, 2), ...le(0, 2),
      ...le(0, 4), ...le(change.local ?? at, 4), ...text(name));
  }
  const start = out.length;
  out.push(...directory, ...text('PK\x05\x06'), ...le(0, 4), ...le(Object.keys(entries).length, 2), ...le(Object.keys(entries).length, 2),
    ...le(directory.length, 4), ...le(change.start ?? start, 4), ...le(0, 2));
  return Uint8Array.from(out).buffer;
}

test('layers are read in their order, with their shapes', () => {
  const layers = readNPZ(zip({'spike0.npy': npy([2, 1, 2, 1], [1, 2, 3, 4]), 'spike1.npy': npy([1, 1, 3], [7, 8, 9])}));
  assert.deepEqual([...layers.keys()], ['spike0', 'spike1']);
  assert.deepEqual(layers.get('spike0').shape, [2, 1, 2, 1]);
  assert.deepEqual([...layers.get('spike0').data], [1, 2, 3, 4]);
  assert.deepEqual([...layers.get('spike1').data], [7, 8, 9]);
});

const good = {'a.npy': npy([1, 1, 2], [1, 2])};

for (const [name, file] of Object.entries({
  'nothing': new ArrayBuffer(0),
  'no ZIP': new ArrayBuffer(100),
  'compressed': zip(good, {method: 8}),
  'sizes that differ': zip(good, {size: 3}),
  'an entry outside': zip(good, {local: 1e6}),
  'a directory outside': zip(good, {start: 4e9}),
  'no NumPy array': zip({'a.npy': [1, 2, 3]}),
  'too few numbers': zip({'a.npy': npy([1, 2, 2], [1, 2])}),
  'too many numbers': zip({'a.npy': npy([1, 1, 1], [1, 2])}),
  'sizes that overflow': zip({'a.npy': npy([4294967296, 4294967296, 1], [1, 2])}),
  'a size of 0': zip({'a.npy': npy([0, 1, 1], [])}),
  'two dimensions': zip({'a.npy': npy([1, 2], [1, 2])}),
  'other numbers': zip({'a.npy': npy([1, 1, 2], [1, 2], "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2), }")}),
  'Fortran order': zip({'a.npy': npy([1, 1, 2], [1, 2], "{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1, 2), }")}),
})) {
  test(`${name} is refused`, () => assert.throws(() => readNPZ(file), RangeError));
}

test('a file that is cut anywhere is refused', () => {
  const file = zip(good);
  for (let n = 0; n < file.byteLength; n++) assert.throws(() => readNPZ(file.slice(0, n)), RangeError);
});
