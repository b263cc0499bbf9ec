// When there is no answer: files that are no films, a busy server, one that is gone, one that asks for a key, a change of mind.
import {readFileSync} from 'node:fs';
import {assert, film, serve} from './harness.mjs';
import {server} from './answers.mjs';
import {answer, give, percent, settled, shown, statesOf} from './films.mjs';

export async function run(trial) {
  const {url} = server;

  await trial('files that are no films', 'refused, in plain words, by kind', async (open) => {
    const v = await open(url);
    const small = await serve('--max-bytes', '1M');
    const w = await open(small.url);
    const said = [];
    for (const [visit, name, code] of [
      [v, 'no-picture.png', 'unsupported-format|not-a-picture'],
      [v, 'cut.png', 'not-a-picture'],
      [v, 'large.png', 'too-large'],
      [w, 'heavy.png', 'too-large'],
    ]) {
      await give(visit, name);
      await visit.page.locator('#rows .row-name').last().click();
      await visit.page.locator('#problem-title').waitFor();
      await settled(visit, await visit.page.locator('#rows tr').count());
      assert.deepEqual([...new Set(await statesOf(visit))], ['refused']);
      await visit.page.locator('#facts').evaluate((e) => {
        e.open = true;
      });
      const facts = await visit.page.locator('#facts').innerText();
      assert.match(facts, new RegExp(`(${code})`));
      const title = await visit.page.locator('#problem-title').innerText();
      assert.ok(title.length > 10 && !title.includes('{'), title);
      said.push(facts.match(/4\d\d/)[0]);
      await visit.looks(`refused-${name.replace('.', '-')}`);
    }
    await small.stop();
    return said.join(', ');
  });

  await trial('a server without room: 503', 'said, asked again as it asks, then left', async (open) => {
    const busy = await serve('--predict-timeout', '1ns');
    const v = await open(busy.url);
    await give(v, 'normal.png');
    await v.page.locator('#problem-wait').waitFor();
    assert.deepEqual(await statesOf(v), ['busy']);
    await v.looks('busy');
    const asked = () => v.requests.filter((r) => r.includes('/v1/predictions')).length;
    await v.page.waitForFunction(() => document.querySelector('#rows tr').dataset.state === 'failed', null, {
      timeout: 30_000,
    });
    const n = asked();
    assert.ok(n > 1 && n < 6, `asked ${n} times`);
    await v.page.waitForTimeout(1500);
    assert.equal(asked(), n);
    await v.looks('busy-over');
    await busy.stop();
    return `asked ${n} times`;
  });

  await trial('a server that goes and comes back', 'said; the film is kept and answered later', async (open) => {
    let one = await serve();
    const v = await open(one.url);
    await give(v, 'normal.png');
    await settled(v);
    await one.stop();
    await give(v, 'pneumonia.png');
    await v.page.waitForFunction(() => document.querySelectorAll('#rows tr')[1]?.dataset.state === 'failed');
    await v.page.locator('#rows .row-name').last().click();
    assert.match(await v.page.locator('#problem-title').innerText(), /cannot be reached/);
    await v.looks('gone');
    one = await serve({port: one.port});
    await v.page.locator('#retry').click();
    await settled(v, 2);
    const a = await answer(one.url, 'pneumonia.png');
    assert.deepEqual(await shown(v), {probability: percent(a.probability), label: a.label});
    await one.stop();
    return percent(a.probability);
  });

  await trial('cancelled', 'what waits is not sent', async (open) => {
    const v = await open(url);
    const bytes = readFileSync(film('normal.png'));
    // The network is held up, so that there is something to cancel.
    let held = 0;
    await v.context.route('**/v1/predictions*', async (route) => {
      held++;
      await new Promise((done) => setTimeout(done, 400));
      await route.continue().catch(() => {});
    });
    await give(v, ...Array.from({length: 20}, (_, i) => ({name: `film ${i}.png`, buffer: bytes})));
    await v.page.locator('#cancel-all').click();
    await v.page.waitForTimeout(1000);
    const states = await statesOf(v);
    const cancelled = states.filter((s) => s === 'cancelled').length;
    assert.ok(cancelled >= 14 && !states.some((s) => ['waiting', 'running', 'busy'].includes(s)), states.join());
    assert.ok(held <= 20 - cancelled + 2, `${held} sent, ${cancelled} cancelled`);
    await v.page.locator('#rows tr[data-state=cancelled] .row-name').first().click();
    await v.looks('cancelled');
    await v.page.locator('#retry').click();
    await v.page.waitForFunction(() => document.querySelector('#rows tr.selected').dataset.state === 'answered');
    return `${cancelled} of 20 cancelled, ${held} sent`;
  });

  await trial('a key is asked for', 'sent, kept in memory only, asked again after a reload', async (open) => {
    const v = await open('about:blank', '');
    v.origin = new URL(url).origin;
    const keys = [];
    await v.context.route(/\/v1\//, (route) => {
      const key = route.request().headers().authorization;
      keys.push(key);
      if (key === 'Bearer a key of ours') return route.continue();
      return route.fulfill({
        status: 401,
        headers: {'Content-Type': 'application/problem+json', 'WWW-Authenticate': 'Bearer'},
        body: JSON.stringify({
          type: 'urn:spikeray:problem:unauthorized',
          title: 'A key is needed',
          status: 401,
          detail: 'send Authorization: Bearer KEY',
          instance: 'x',
        }),
      });
    });
    await v.page.goto(url);
    await v.page.locator('#key-dialog').waitFor();
    await v.looks('key');
    await v.page.locator('#key').fill('wrong');
    await v.page.keyboard.press('Enter');
    await v.page.waitForFunction(
      () => document.querySelector('#key').value === '' && document.querySelector('#key-dialog').open,
    );
    await v.page.locator('#key').fill('a key of ours');
    await v.page.keyboard.press('Enter');
    await v.page.locator('#model option').first().waitFor({state: 'attached'});
    await give(v, 'normal.png');
    await settled(v);
    const a = await answer(url, 'normal.png');
    assert.equal((await shown(v)).label, a.label);
    assert.ok(!(await v.page.locator('#curl').innerText()).includes('a key of ours'));
    const kept = await v.page.evaluate(() =>
      JSON.stringify([
        Object.entries(localStorage),
        Object.entries(sessionStorage),
        document.cookie,
        location.href,
        document.documentElement.outerHTML,
      ]),
    );
    assert.ok(!kept.includes('a key of ours'), 'the key is kept');
    await v.page.reload();
    await v.page.locator('#key-dialog').waitFor();
    assert.ok(keys.includes(undefined) && keys.includes('Bearer wrong'));
    return `${keys.filter((k) => k === 'Bearer a key of ours').length} requests with the key`;
  });
}
