// What the network used: maps, steps, spikes, times, other models, the card.
import {readFileSync} from 'node:fs';
import {assert, film} from './harness.mjs';
import {server} from './answers.mjs';
import {answer, give, ink, percent, settled} from './films.mjs';

const near = (a, b, within) => assert.ok(Math.abs(a - b) <= within, `${a}, want ${b}`);
const value = (text) =>
  Number(
    text
      .replace('\u2212', '-')
      .replaceAll(',', '')
      .replace(/^([+-]?[\d.]+).*/s, '$1'),
  );

export async function run(trial) {
  const {url} = server;
  const explain = async () =>
    (await fetch(`${url}/v1/explanations?positions=64`, {method: 'POST', body: readFileSync(film('pneumonia.png'))})).json();
  const opened = async (open) => {
    const v = await open(url);
    await give(v, 'pneumonia.png');
    await settled(v);
    return v;
  };

  await trial('maps and opacity', "the table is the service's map; the words are there", async (open) => {
    const v = await opened(open);
    const told = await explain();
    assert.match(await v.page.locator('#evidence-notice').innerText(), /never localisation of disease/);
    await v.page.locator('#map-table summary').click();
    const hashes = new Set();
    for (const [name, cells] of [
      ['activation', told.activation.sum],
      ...told.occlusion.fills.map((f) => [`occlusion_${f.fill}`, f.map]),
    ]) {
      await v.page.locator(`#map-${name}`).check();
      const shown = await v.page.$$eval('#map-numbers td', (all) => all.map((e) => e.textContent));
      assert.equal(shown.length, cells.flat().length);
      shown.forEach((text, i) => near(value(text), cells.flat()[i], 0.0051));
      const drawn = await ink(v, '#overlay');
      assert.ok(drawn.width === cells[0].length && drawn.height === cells.length && drawn.drawn > 0.8 * cells.flat().length);
      hashes.add(drawn.hash);
    }
    assert.equal(hashes.size, 3);
    await v.page.locator('#map-none').check();
    assert.equal((await ink(v, '#overlay').catch(() => ({drawn: 0}))).drawn, 0);
    await v.page.locator('#map-activation').check();
    const grey = (opacity) =>
      v.page
        .locator('#opacity')
        .fill(String(opacity))
        .then(() => v.page.locator('#stage').screenshot());
    const [none, full] = [await grey(0), await grey(100)];
    assert.notDeepEqual(none, full);
    const box = await v.page.evaluate(() => {
      const [film, overlay] = ['film', 'overlay'].map((id) => document.getElementById(id).getBoundingClientRect());
      return [
        (overlay.left - film.left) / film.width,
        (overlay.top - film.top) / film.height,
        overlay.width / film.width,
        overlay.height / film.height,
      ];
    });
    const r = told.region ?? {x: 0, y: 0, width: 1, height: 1};
    [r.x, r.y, r.width, r.height].forEach((share, i) => near(box[i], share, 0.01));
    return `3 maps of ${told.activation.sum.length} x ${told.activation.sum[0].length}`;
  });

  await trial('steps', 'they play, and the sum is the log-odds', async (open) => {
    const v = await opened(open);
    const told = await explain();
    await v.page.locator('#map-activation').check();
    const all = await ink(v, '#overlay');
    await v.page.locator('#play').click();
    const seen = new Set();
    for (let i = 0; i < 40 && seen.size < told.anytime.length; i++) {
      const now = await v.page.$$eval('#steps-answers tr.now', (rows) => rows.map((r) => r.dataset.step));
      if (now[0] && !seen.has(now[0])) {
        seen.add(now[0]);
        assert.notEqual((await ink(v, '#overlay')).hash, all.hash);
      }
      await v.page.waitForTimeout(100);
    }
    assert.equal(seen.size, told.anytime.length, `steps seen: ${[...seen]}`);
    await v.page.locator('#step').fill('0');
    assert.deepEqual(await ink(v, '#overlay'), all);
    const odds = (await v.page.$$eval('#steps-sum td', (cells) => cells.map((c) => c.textContent))).map(value);
    near(odds.at(-1), told.activation.log_odds, 0.0051);
    near(
      odds.slice(0, -1).reduce((a, b) => a + b, 0),
      odds.at(-1),
      0.01 * odds.length,
    );
    const shares = await v.page.$$eval('#steps-answers .barred', (all) => all.map((e) => e.textContent.trim()));
    told.anytime.forEach((a, i) => assert.ok(shares[i].startsWith(percent(a.probability ?? a.raw_probability)), shares[i]));
    await v.looks('steps');
    return `${seen.size} steps, log-odds ${odds.at(-1)}`;
  });

  await trial('raster', "drawn by layer; the counts are the service's", async (open) => {
    const v = await opened(open);
    const told = await explain();
    const rows = await v.page.$$eval('#raster-counts tbody tr', (all) =>
      all.map((r) => [...r.children].map((c) => c.textContent)),
    );
    told.spikes.layers.forEach((l, i) => {
      assert.equal(rows[i][0], l.name);
      assert.equal(rows[i][2].replaceAll(',', ''), l.steps.join(' + '));
    });
    await v.page.locator('#raster-load').click();
    await v.page.locator('#raster-canvas').waitFor();
    const drawn = new Set();
    for (const {name} of told.spikes.layers) {
      await v.page.locator('#raster-layer').selectOption(name);
      const canvas = await ink(v, '#raster-canvas');
      assert.ok(canvas.drawn > 0);
      assert.ok((await v.page.locator('#raster-canvas').getAttribute('aria-label')).includes(name));
      drawn.add(canvas.hash);
    }
    assert.equal(drawn.size, rows.length, 'layers are drawn alike');
    await v.looks('raster');
    return `${rows.length} layers`;
  });

  await trial('where the time went', 'the parts add up to the whole', async (open) => {
    const v = await opened(open);
    const rows = await v.page.$$eval('#times-body tbody tr', (all) => all.map((r) => r.lastChild.textContent));
    const ms = rows.map((t) => value(t));
    const parts = ms.slice(0, 6).reduce((a, b) => a + b, 0);
    near(parts, ms[6], 0.02 * ms[6] + 0.1);
    const bar = await v.page.$$eval(
      '#times-bar .part',
      (all) => all.reduce((w, e) => w + e.getBoundingClientRect().width, 0) / all[0].parentElement.clientWidth,
    );
    near(bar, 1, 0.02);
    return `${ms[6]} ms`;
  });

  await trial('models compared', "the service's answers by model", async (open) => {
    const v = await opened(open);
    const boxes = v.page.locator('#compare-models input:not([disabled])');
    for (let i = 0; i < (await boxes.count()); i++) await boxes.nth(i).check();
    await v.page.locator('#compare-go').click();
    await v.page.waitForFunction(
      (n) => document.querySelectorAll('#compare-table tbody tr').length === n,
      (await boxes.count()) + 1,
      {timeout: 30_000},
    );
    const rows = await v.page.$$eval('#compare-table tbody tr', (all) =>
      all.map((r) => [...r.children].map((c) => c.textContent.trim())),
    );
    for (const [name, probability, label] of rows) {
      const a = await answer(url, 'pneumonia.png', `?model=${name.split(' ')[0]}`);
      assert.equal(probability, percent(a.probability), name);
      assert.ok(label.startsWith(a.label), name);
    }
    await v.looks('compare');
    await v.page.locator('#model').selectOption('snnxray');
    await settled(v);
    await v.looks('other-model');
    return `${rows.length} models`;
  });

  await trial('operating points and fewer steps', 'decided and said as the service does', async (open) => {
    const v = await open(url);
    await give(v, 'normal.png');
    await settled(v);
    const said = [];
    for (const point of ['balanced', 'screening']) {
      await v.page.locator('#point').selectOption(point);
      const a = await answer(url, 'normal.png', `?operating_point=${point}`);
      assert.equal(await v.page.locator('#label').innerText(), a.label);
      assert.match(
        await v.page.locator('.decision').innerText(),
        new RegExp(`${point}, from ${(100 * a.threshold).toFixed(1)}%`),
      );
      said.push(`${point} ${a.label}`);
    }
    await v.page.locator('#steps').selectOption('1');
    await v.page.locator('#label').getByText('No decision').waitFor();
    await settled(v);
    await v.looks('one-step');
    return said.join(', ');
  });

  await trial("the model's card", 'shown, closed by Escape, focus comes back', async (open) => {
    const v = await open(url);
    const card = v.page.locator('#card');
    await v.page.locator('#model option').first().waitFor({state: 'attached'});
    await v.page.locator('#card-open').focus();
    await v.page.keyboard.press('Enter');
    await card.waitFor();
    const {card: text} = await (await fetch(`${url}/v1/models/spikeray`)).json();
    const shown = (await v.page.locator('#card-body').innerText()).replace(/\s+/g, ' ');
    const words = text
      .replace(/\]\([^)]*\)/g, '')
      .split(/[^\p{L}\p{N}]+/u)
      .filter((w) => w.length > 3);
    const missing = words.filter((w) => !shown.includes(w));
    assert.ok(missing.length <= 0.01 * words.length, `missing: ${missing.slice(0, 20)}`);
    assert.ok(
      (await v.page.locator('#card-body table').count()) > 0 || !text.includes('\n|'),
      'tables are not shown as such',
    );
    await v.looks('card');
    await v.page.keyboard.press('Escape');
    assert.ok(await card.isHidden());
    assert.equal(await v.page.evaluate(() => document.activeElement.id), 'card-open');
    return `${words.length} words`;
  });
}
