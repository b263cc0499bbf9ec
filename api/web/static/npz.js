// Reads the spikes of a raster: NumPy's NPZ, a ZIP file of stored arrays of bytes. Everything in it is checked before it is used.

const MOST_ENTRIES = 256;
const MOST_BYTES = 64 * 2 ** 20;

/**
 * @typedef {object} Spikes
 * @property {number[]} shape [T][H][W][C], or [H][W][C] where the rows are the steps
 * @property {Uint8Array} data a part of the file's memory
 */

/**
 * @param {ArrayBuffer} file
 * @returns {Map<string, Spikes>} by layer, in the file's order
 * @throws {RangeError} for what is not such a file
 */
export function readNPZ(file) {
  const bytes = new Uint8Array(file);
  const view = new DataView(file);
  if (bytes.length > MOST_BYTES) throw new RangeError('npz: the file is too large');
  const end = findEnd(view);
  const entries = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (entries > MOST_ENTRIES) throw new RangeError('npz: too many arrays');
  const arrays = new Map();
  for (let i = 0; i < entries; i++) {
    // APPNOTE.TXT, 4.3.12: the central directory has the sizes even where an entry was streamed.
    if (at + 46 > end || view.getUint32(at, true) !== 0x02014b50) throw new RangeError('npz: the directory is damaged');
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const next = at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > end) throw new RangeError('npz: the directory is damaged');
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (method !== 0 || packed !== size) throw new RangeError('npz: an array is compressed');
    if (local + 30 > bytes.length || view.getUint32(local, true) !== 0x04034b50) throw new RangeError('npz: an array is damaged');
    const from = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (from + size > bytes.length) throw new RangeError('npz: an array is cut off');
    arrays.set(name.replace(/\.npy$/, ''), readNPY(bytes.subarray(from, from + size)));
    at = next;
  }
  return arrays;
}

// findEnd looks for the end of the central directory, before which there may be a comment of up to 65535 bytes.
function findEnd(view) {
  for (let at = view.byteLength - 22; at >= 0 && at >= view.byteLength - 22 - 65535; at--) {
    if (view.getUint32(at, true) === 0x06054b50) return at;
  }
  throw new RangeError('npz: it is not a ZIP file');
}

// readNPY reads NumPy's array format (NEP 1), of bytes in C's order.
function readNPY(bytes) {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (bytes.length < 12 || magic.some((b, i) => bytes[i] !== b)) throw new RangeError('npz: an array has no header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const before = bytes[6] === 1 ? 10 : 12;
  const length = before === 10 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (before + length > bytes.length) throw new RangeError('npz: an array has no whole header');
  const header = new TextDecoder('latin1').decode(bytes.subarray(before, before + length));
  const shape = /'shape': \(([\d, ]{1,100})\)/.exec(header);
  if (!/'descr': '\|u1'/.test(header) || !/'fortran_order': False/.test(header) || !shape) {
    throw new RangeError('npz: an array is not of bytes in C order');
  }
  const sizes = shape[1].split(',').map((s) => s.trim()).filter((s) => s !== '').map(Number);
  const data = bytes.subarray(before + length);
  if (sizes.length < 3 || sizes.length > 4 || sizes.some((n) => !(n > 0)) || sizes.reduce((a, b) => a * b, 1) !== data.length) {
    throw new RangeError('npz: an array has not the size that it tells');
  }
  return {shape: sizes, data};
}
