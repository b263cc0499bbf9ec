// What trials do with films on the page.
import {readFileSync} from 'node:fs';
import {assert, film} from './harness.mjs';

/** give has the page take files of these names, or {name, buffer}. */
export async function give(v, ...files) {
  await v.page.locator('#files').setInputFiles(files.map((f) => (typeof f === 'string' ? film(f) : {mimeType: '', ...f})));
}

/** settled waits until every film has what it will get, and the selected one its picture and evidence. */
export async function settled(v, films = 1) {
  await v.page.waitForFunction(
    (n) => {
      const rows = [...document.querySelectorAll('#rows tr')];
      return rows.length === n && rows.every((r) => !['waiting', 'running', 'busy'].includes(r.dataset.state));
    },
    films,
    {timeout: 30_000},
  );
  await v.page.waitForFunction(() => {
    const busy =
      document.querySelector('#answer[data-state=answered]') && !document.querySelector('#steps-body table, #left-out');
    return !busy && (document.querySelector('#film:not([hidden])') || document.querySelector('#film-state').textContent);
  });
}

/** states are those of the films in the list, in its order. */
export const statesOf = (v) => v.page.$$eval('#rows tr', (rows) => rows.map((r) => r.dataset.state));

/** answer asks the service itself. */
export async function answer(url, file, query = '') {
  const body = typeof file === 'string' ? readFileSync(film(file)) : file;
  const got = await fetch(`${url}/v1/predictions${query}`, {
    method: 'POST',
    headers: {'Content-Type': 'application/octet-stream'},
    body,
  });
  assert.equal(got.status, 200);
  return got.json();
}

/** percent is a probability as the page writes it in English. */
export const percent = (p) => (p > 0.999 ? '>99.9%' : p < 0.001 ? '<0.1%' : `${(100 * p).toFixed(1)}%`);

/** shown is the answer on the page. */
export const shown = async (v) => ({
  probability: await v.page.locator('#probability').innerText(),
  label: await v.page.locator('#label').innerText(),
});

/** agrees holds the page's answer to the service's. */
export async function agrees(v, url, file, query) {
  const a = await answer(url, file, query);
  assert.deepEqual(await shown(v), {probability: percent(a.probability), label: a.label});
  return a;
}

/** ink is how many pixels of a canvas are not transparent black, and a number that differs with what is drawn. */
export const ink = (v, selector) =>
  v.page.locator(selector).evaluate((canvas) => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let [drawn, hash] = [0, 0];
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3]) drawn++;
      hash = (Math.imul(hash, 31) + data[i] + 7 * data[i + 1] + 49 * data[i + 2] + 343 * data[i + 3]) | 0;
    }
    return {drawn, hash, width: canvas.width, height: canvas.height};
  });
