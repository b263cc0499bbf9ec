// The report that spikeray evaluate writes: one file, opened from a folder.
import {execFileSync} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import {createServer} from 'node:http';
import {assert, film, scratch, screens} from './harness.mjs';

export async function run(trial) {
  await trial('the report of spikeray evaluate', 'axe-core, 360 px, no request, no script', async (open) => {
    const file = `${scratch}/report.html`;
    rmSync(file, {force: true});
    execFileSync(process.env.SPIKERAY_BIN, ['evaluate', film('labelled'), '--bootstrap', '100', '--report', file], {
      stdio: 'ignore',
    });
    const html = readFileSync(file);
    const server = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html; charset=utf-8').end(html));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    server.unref();
    for (const name of ['wide', 'narrow', 'zoomed']) {
      const v = await open(`http://127.0.0.1:${server.address().port}`, '/', screens[name]);
      await v.looks(`report-${name}`, {axe: name !== 'zoomed'});
      assert.deepEqual(v.requests.filter((r) => !r.startsWith('data:') && new URL(r).pathname !== '/favicon.ico').length, 1);
      assert.ok((await v.page.locator('body').innerText()).includes('onerror='), 'no name that is markup is shown');
      assert.equal(await v.page.locator('script').count(), 0);
    }
    const v = await open(`http://127.0.0.1:${server.address().port}`, '/', {colorScheme: 'dark'});
    await v.looks('report-dark');
    return `${Math.round(html.length / 1024)} KiB`;
  });
}
