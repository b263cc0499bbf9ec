// Films come by drag and drop, by the file chooser and from the clipboard.
import {byId} from './dom.js';

/**
 * @param {(files: File[]) => void} take
 */
export function startIntake(take) {
  const input = byId('files');
  byId('choose').addEventListener('click', () => input.click());
  const taken = () => {
    take([...input.files]);
    input.value = '';
  };
  input.addEventListener('change', taken);
  if (input.files.length) taken(); // chosen before the page was ready
  let depth = 0; // dragenter and dragleave come for every element on the way
  const over = (by) => {
    depth = Math.max(0, depth + by);
    document.body.classList.toggle('dragging', depth > 0);
  };
  const files = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragenter', (event) => files(event) && over(1));
  addEventListener('dragleave', (event) => files(event) && over(-1));
  addEventListener('dragover', (event) => {
    if (files(event)) event.preventDefault();
  });
  addEventListener('drop', (event) => {
    if (!files(event)) return;
    event.preventDefault(); // else the browser would open the file
    over(-depth);
    filesOf(event.dataTransfer).then(take);
  });
  addEventListener('paste', (event) => {
    if (event.clipboardData?.files.length) take([...event.clipboardData.files]);
  });
}

const MOST_FILES = 2000;

// filesOf are the files that were dropped, those in folders as well.
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((e) => e.isDirectory)) return [...transfer.files];
  const out = [];
  const walk = async (entry) => {
    if (out.length >= MOST_FILES) return;
    if (entry.isFile) {
      const file = await new Promise((done) => entry.file(done, () => done(null)));
      if (file && !file.name.startsWith('.')) out.push(file);
    } else {
      const reader = entry.createReader();
      for (let some; (some = await new Promise((done) => reader.readEntries(done, () => done([])))).length;) {
        for (const one of some) await walk(one);
      }
    }
  };
  for (const entry of entries) await walk(entry);
  return out;
}
