// The live view: what it shows is what the metrics say, and it says when there is nothing to show.
import {copyFileSync, mkdirSync, readFileSync} from 'node:fs';
import {Visit, assert, film, scratch, screens, serve} from './harness.mjs';
import {server} from './answers.mjs';
import {agrees, answer, give, settled} from './films.mjs';

/** rows are those of a table of the live view, by the text of their first cell. */
const rows = (v, section, caption) =>
  v.page.evaluate(
    ([id, name]) => {
      const table = [...document.querySelectorAll(`#${id} table`)].find((t) => t.caption.textContent === name);
      return Object.fromEntries(
        [...table.tBodies[0].rows].map((r) => [r.cells[0].textContent, [...r.cells].slice(1).map((c) => c.textContent)]),
      );
    },
    [section, caption],
  );
const shownSections = (v) => v.page.$$eval('#parts > section', (all) => all.filter((s) => !s.hidden).map((s) => s.id));
const scrapes = (v) => v.requests.filter((r) => r.endsWith('/metrics')).length;

// scraped waits until the page has asked n times more and shows it.
async function scraped(v, n = 1) {
  const before = scrapes(v);
  for (let i = 0; scrapes(v) < before + n + 1 && i < 200; i++) await v.page.waitForTimeout(50);
  assert.ok(scrapes(v) > before + n, 'the page does not ask');
}
const metric = async (url, name) => {
  const line = (await (await fetch(`${url}/metrics`)).text()).split('\n').find((l) => l.startsWith(`${name} `));
  return Number(line.slice(name.length));
};

export async function run(trial) {
  const outbox = ['out', 'outbox', 'watch'].map((n) => `${scratch}/live-${n}`);
  outbox.forEach((f) => mkdirSync(f, {recursive: true}));
  const whole = await serve(
    '--model',
    'spikeray-board',
    '--board',
    'loihi',
    '--board-fallback',
    'request',
    '--send',
    `pacs:sr=file://${outbox[0]}`,
    '--outbox',
    outbox[1],
    '--watch',
    outbox[2],
    '--dicom-listen',
    '127.0.0.1:0',
    '--calibration',
    `${scratch}/calibration.json`,
  );

  await trial('/status of a plain server', 'no section for what it has not', async (open) => {
    await answer(server.url, 'normal.png'); // so that there are spikes
    const v = await open(server.url, '/status');
    await v.page.locator('#figures').waitFor();
    const sections = await shownSections(v);
    for (const absent of ['board', 'outbox', 'dicom']) assert.ok(!sections.includes(absent), `${absent} is shown`);
    for (const there of ['models', 'queue', 'requests', 'latency', 'spikes', 'memory', 'refused', 'drift', 'faults'])
      assert.ok(sections.includes(there), `${there} is not shown`);
    assert.match(await v.page.locator('#state').innerText(), /^Ready/);
    await v.looks('status-plain');
    return sections.join(' ');
  });

  await trial('/status of a whole one', 'its figures are those of /metrics', async (open) => {
    const v = await open(whole.url, '/status');
    await v.page.locator('#figures').waitFor();
    await scraped(v);
    copyFileSync(film('film.dcm'), `${outbox[2]}/film.dcm`);
    for (let i = 0; i < 6; i++) await answer(whole.url, 'normal.png', i % 2 ? '?model=spikeray' : '');
    for (let i = 0; i < 4; i++)
      await fetch(`${whole.url}/v1/predictions`, {
        method: 'POST',
        body: readFileSync(film('no-picture.png')),
        headers: {'Content-Type': 'application/octet-stream'},
      });
    await v.page.waitForFunction(
      () => document.querySelector('#dicom:not([hidden])')?.textContent.match(/Watched folder: taken\s*1/),
      null,
      {timeout: 20_000},
    );
    await scraped(v);
    const models = await rows(v, 'models', 'Models that answer');
    assert.deepEqual(models['spikeray-board (default)'].slice(-2), ['4', '4']); // three and the film of the folder
    assert.deepEqual(models.spikeray.slice(-2), ['3', '3']);
    assert.match(models.spikeray[2], /^Ward <b>1<\/b>, .* 60 pictures$/);
    assert.deepEqual((await rows(v, 'refused', 'Without an answer'))['spikeray-board: not a complete picture'], ['4', '4']);
    const codes = await rows(v, 'requests', 'Requests by status');
    assert.deepEqual(codes['400'].slice(1), ['4', '4']);
    const latency = await rows(v, 'latency', 'Time by stage, latest 60 s');
    assert.equal(latency.all[4], '7');
    const seconds = (text) => Number(/^[\d.]+/.exec(text)[0]) * {s: 1, ms: 1e-3, µs: 1e-6}[text.split(' ')[1]];
    const [half, most] = [latency.all[0], latency.all[2]].map(seconds);
    assert.ok(half > 0 && half <= most && most < 30, latency.all.join());
    const mean = (await metric(whole.url, 'spikeray_stage_duration_seconds_sum{stage="total"}')) / 7;
    assert.ok(Math.abs(seconds(latency.all[3]) - mean) <= 0.01 * mean, `${latency.all[3]}, want ${mean} s`);
    const spikes = await rows(v, 'spikes', 'Spikes and synaptic operations an answer, by model');
    const each = (await metric(whole.url, 'spikeray_spikes_total{model="spikeray"}')) / 3;
    assert.equal(
      spikes.spikeray[0],
      new Intl.NumberFormat('en', {notation: 'compact', maximumSignificantDigits: 3}).format(each),
    );
    assert.deepEqual((await rows(v, 'board', 'State of the board')).loihi[0], 'closed');
    assert.equal(
      (await rows(v, 'board', 'Canaries, failures and fallbacks'))['Canaries answered rightly'][1],
      String(await metric(whole.url, 'spikeray_board_canaries_total{board="loihi",right="true"}')),
    );
    assert.deepEqual((await rows(v, 'outbox', 'Tries to deliver, by target and outcome'))['pacs: delivered'], ['1', '1']);
    const memory = await rows(v, 'memory', 'Memory, connections and files');
    assert.match(memory.Uploads[2], /^\d+ MiB$/);
    const charts = await v.page.$$eval('figure > canvas', (all) =>
      all
        .filter((c) => c.offsetParent)
        .map((c) => {
          const {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);
          return [c.getAttribute('aria-label'), data.some((x) => x)];
        }),
    );
    assert.ok(charts.length >= 5 && charts.every(([label, drawn]) => label.length > 30 && drawn), JSON.stringify(charts));
    await v.looks('status-whole');
    return `${Object.keys(models).length} models, ${charts.length} charts, half within ${latency.all[0]}`;
  });

  await trial('the page of a server with a board', 'the answer names it; the simulator stands in for evidence', async (open) => {
    const v = await open(whole.url);
    await give(v, 'pneumonia.png');
    await settled(v);
    const a = await agrees(v, whole.url, 'pneumonia.png');
    await v.page.locator('#facts').evaluate((e) => {
      e.open = true;
    });
    const facts = await v.page.locator('#facts').innerText();
    assert.equal(a.backend.name, 'loihi');
    assert.ok(facts.includes('loihi') && facts.includes('saturated'), facts);
    await v.looks('board');
    return `${a.model.name} on ${a.backend.name}`;
  });

  await trial('/status, drift', "the words of the model's drift report", async (open) => {
    const fresh = await serve();
    const v = await open(fresh.url, '/status');
    await v.page.locator('#figures').waitFor();
    const said = [];
    const check = async () => {
      await scraped(v);
      const report = await (await fetch(`${fresh.url}/v1/models/spikeray/drift`)).json();
      const row = (await rows(v, 'drift', 'Drift by model')).spikeray;
      assert.equal(row[0], report.state);
      assert.equal(row[2], `${report.window.pictures} / ${report.window.capacity}`);
      said.push(report.state);
      return report;
    };
    await check();
    for (let i = 0; i < 110; i++) await answer(fresh.url, 'normal.png');
    const report = await check();
    const measures = await rows(v, 'drift', 'Distance from the reference, by measure');
    for (const m of report.measures) {
      if (m.psi === null) continue;
      assert.equal(measures[`spikeray: ${m.name}`][0], m.psi.toFixed(3));
      assert.equal(measures[`spikeray: ${m.name}`][1], !m.raises ? 'only reported' : m.drifted ? 'yes' : 'no');
    }
    const none = await (await fetch(`${fresh.url}/v1/models/cnnxray/drift`)).json();
    assert.equal((await rows(v, 'drift', 'Drift by model')).cnnxray[0], none.state);
    await v.looks('status-drift');
    await fresh.stop();
    return `${said.join(', ')}; ${none.state}`;
  });

  await trial('/status, paused and out of sight', 'asks nothing then', async (open) => {
    const v = await open(server.url, '/status');
    await v.page.locator('#figures').waitFor();
    const quiet = async () => {
      await v.page.waitForTimeout(300);
      const before = scrapes(v);
      await v.page.waitForTimeout(2600);
      return scrapes(v) - before;
    };
    await v.page.locator('#pause').click();
    assert.equal(await v.page.locator('#pause').getAttribute('aria-pressed'), 'true');
    assert.equal(await quiet(), 0, 'asks though paused');
    await v.page.locator('#pause').click();
    await scraped(v);
    const hide = (hidden) =>
      v.page.evaluate((h) => {
        Object.defineProperty(document, 'hidden', {configurable: true, value: h});
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    assert.equal(await quiet(), 0, 'asks though hidden');
    await hide(false);
    await scraped(v);
    return 'every 2 s otherwise';
  });

  await trial('/status of a server that goes and comes back', 'says so, and begins anew', async (open) => {
    let one = await serve('--drain-delay', '30s');
    const v = await open(one.url, '/status');
    const state = (wanted) =>
      v.page.waitForFunction((w) => document.querySelector('#state').textContent.match(w), wanted, {timeout: 15_000});
    await state('^Ready');
    one.child.kill('SIGTERM');
    await state('^Not ready: ');
    await v.looks('status-draining');
    await one.stop();
    await state('does not answer');
    await v.looks('status-gone');
    one = await serve({port: one.port});
    await state('^Ready');
    assert.match(await v.page.locator('#when').innerText(), /restarted while this page was open: 1/);
    await one.stop();
    return await v.page.locator('#when').innerText();
  });

  await trial('/status, a key and figures that are none', 'said', async (open) => {
    const v = await open('about:blank', '');
    v.origin = new URL(server.url).origin;
    let broken = '';
    await v.context.route('**/metrics', (route) => {
      if (route.request().headers().authorization !== 'Bearer of ours') return route.fulfill({status: 401, body: '{}'});
      return broken ? route.fulfill({status: 200, body: broken}) : route.continue();
    });
    await v.page.goto(`${server.url}/status`);
    await v.page.locator('#key-form').waitFor();
    await v.looks('status-key');
    await v.page.locator('#key').fill('of ours');
    await v.page.keyboard.press('Enter');
    await v.page.locator('#figures').waitFor();
    broken = `a{b="<img src=x class=crafted-metrics onerror=window.crafted=1>"} one\n`;
    await v.page.waitForFunction(() => document.querySelector('#state').textContent.includes('cannot be read'), null, {
      timeout: 10_000,
    });
    const crafted = `<img src=x class=crafted-model onerror="window.crafted='model'">`;
    broken = `process_start_time_seconds 1\nspikeray_model_info{model="${crafted.replaceAll('"', '\\"')}",version="${crafted.replaceAll('"', '\\"')}",digest="",backend="",kernel="",default="false"} 1\n`;
    await v.page.waitForFunction(() => document.querySelector('#models').textContent.includes('onerror'), null, {
      timeout: 10_000,
    });
    assert.deepEqual(await v.crafted(), []);
    return 'asked, sent, and told';
  });

  await trial('/status, screens and languages', 'nothing scrolls sideways', async (open) => {
    const looks = {
      narrow: {locale: 'de-DE'},
      zoomed: {},
      light: {},
      forced: {forcedColors: 'active'},
      zh: {locale: 'zh-CN'},
    };
    for (const [name, options] of Object.entries(looks)) {
      const v = await Visit.open(whole.url, '/status', {...(screens[name] ?? {}), ...options});
      if (name === 'light') await v.page.locator('#theme').click();
      await v.page.locator('#figures').waitFor();
      await v.looks(`status-${name}`, {axe: ['narrow', 'light'].includes(name)});
      await v.leave();
    }
    const v = await open(whole.url, '/status');
    await v.page.locator('#figures').waitFor();
    await v.page.locator('#language').selectOption('de');
    await v.page.locator('h1', {hasText: 'Live-Ansicht'}).waitFor();
    await v.page.keyboard.press('Tab');
    let scrolled = 0;
    for (let i = 0; i < 40; i++) {
      await v.page.keyboard.press('Tab');
      scrolled += await v.page.evaluate(() => document.activeElement.matches('.scroll[role=region][aria-label]'));
    }
    assert.ok(scrolled > 8, `${scrolled} tables are reached by Tab`);
    return `360 px, 200%, light, forced, de, zh`;
  });
}
