// What all trials share: the server, the browser, what a page asked for and what went wrong in it, and the table of figures.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdirSync, openSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {createServer} from 'node:net';
import {join} from 'node:path';

const {PAGE_MODULES, PAGE_SHOTS, PAGE_CHROMIUM, SPIKERAY_BIN, SPIKERAY_SCRATCH} = process.env;
const need = createRequire(join(PAGE_MODULES, 'none'));
const {chromium} = need('playwright-core');
const axe = readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');

export const scratch = SPIKERAY_SCRATCH;
/** film is the path of a file that deploy/page/films made. */
export const film = (name) => join(scratch, 'films', name);

const freePort = () =>
  new Promise((done, failed) => {
    const server = createServer().once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const {port} = server.address();
      server.close(() => done(port));
    });
  });

const servers = [];

/** serve starts a server with these flags, on a port if the first of them is {port}; {url, port, stop, child}. */
export async function serve(...flags) {
  const port = flags[0]?.port ? flags.shift().port : await freePort();
  const log = openSync(join(scratch, `server-${servers.length}.log`), 'w');
  const child = spawn(SPIKERAY_BIN, ['serve', '--addr', `127.0.0.1:${port}`, ...flags], {stdio: ['ignore', log, log]});
  const ended = new Promise((done) => child.once('exit', done));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  servers.push(stop);
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; child.exitCode === null; i++) {
    if (
      await fetch(`${url}/healthz`).then(
        (a) => a.ok,
        () => false,
      )
    )
      return {url, port, stop, child};
    assert.ok(i < 300, 'the server does not start within 30 s');
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(
    `the server ended: ${readFileSync(join(scratch, `server-${servers.length - 1}.log`), 'utf8').slice(-500)}`,
  );
}

export let browser;

/** launch starts Chromium, which can look no name up and reach no proxy: what does not go to 127.0.0.1 goes nowhere. */
export async function launch() {
  browser = await chromium.launch({
    executablePath: PAGE_CHROMIUM,
    args: [
      '--no-sandbox',
      '--no-proxy-server',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      '--enable-precise-memory-info',
      '--js-flags=--expose-gc',
    ],
  });
  return browser;
}

export async function shutDown() {
  await browser?.close();
  await Promise.all(servers.map((stop) => stop()));
}

/** wide is a screen; narrow is a telephone's; zoomed is what a zoom of 200% leaves of wide. */
export const screens = {
  wide: {viewport: {width: 1280, height: 900}},
  narrow: {viewport: {width: 360, height: 740}},
  zoomed: {viewport: {width: 640, height: 450}, deviceScaleFactor: 2},
};

/** Visit is a page in a context of its own, and what is written down of it. */
export class Visit {
  requests = [];
  faults = [];

  static async open(url, path = '/', options = {}) {
    const v = new Visit();
    v.origin = new URL(url).origin;
    v.context = await browser.newContext({locale: 'en-US', ...screens.wide, ...options});
    v.context.on('request', (r) => v.requests.push(r.url()));
    await v.context.exposeBinding('violated', (_, what) => v.faults.push(`policy: ${what}`));
    await v.context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (e) =>
        window.violated(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`),
      );
    });
    v.page = await v.context.newPage();
    v.page.setDefaultTimeout(10_000);
    v.page.on('pageerror', (e) => v.faults.push(`error: ${e.message}`));
    v.page.on('console', (m) => {
      // Chromium writes a line for every answer above 399, for each feature of Permissions-Policy that it lacks, and for the
      // trials' own looks at canvases.
      if (
        ['error', 'warning'].includes(m.type()) &&
        !/Failed to load resource|Permissions-Policy header: Unrecognized|Multiple readback operations/.test(m.text())
      )
        v.faults.push(`console: ${m.text()}`);
    });
    v.page.on('filechooser', () => {}); // from here on none opens for real
    v.page.on('websocket', (s) => v.requests.push(s.url()));
    await v.page.goto(url + path);
    return v;
  }

  /** foreign are the requests that did not go to the server. */
  get foreign() {
    return this.requests.filter((r) => !/^(blob|data):/.test(r) && new URL(r).origin !== this.origin);
  }

  /** crafted is what text that is markup made of the page, if anything. */
  crafted() {
    return this.page.evaluate(() => {
      const made = [...document.querySelectorAll('[class^=crafted], img[src=x], [onerror]')].map((e) => e.outerHTML);
      return window.crafted === undefined ? made : [`script ran: ${window.crafted}`, ...made];
    });
  }

  /** axe gives what axe-core calls serious or critical, and how much it calls less. */
  async axe() {
    await this.page.evaluate(axe);
    const {violations} = await this.page.evaluate(() => globalThis.axe.run(document, {resultTypes: ['violations']}));
    const grave = violations.filter((v) => ['serious', 'critical'].includes(v.impact));
    return {
      grave: grave.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`),
      minor: violations.filter((v) => !grave.includes(v)).map((v) => v.id),
    };
  }

  /**
   * looks checks what must hold of a state of the page, and takes its picture. axe-core is left out where it was asked about the
   * same elements on another screen, and with forced colours, which it does not know of.
   */
  async looks(name, {axe: asking = true} = {}) {
    await this.shot(name);
    const {grave, minor} = asking ? await this.axe() : {grave: [], minor: []};
    assert.deepEqual(grave, [], `axe-core, ${name}`);
    assert.deepEqual(await this.overflow(), [], `${name} scrolls sideways`);
    const keys = await this.page.evaluate(() => document.body.innerText.match(/\b[a-z]+(\.[a-zA-Z_]+)+(?=\s|$)/gm));
    const named = (keys ?? []).filter((k) => texts.has(k));
    assert.deepEqual(named, [], `${name} shows keys in place of texts`);
    if (asking) states.push(name);
    for (const id of minor) lesser.set(id, (lesser.get(id) ?? 0) + 1);
  }

  /** overflow are elements that reach beyond the width of the screen, outside of what scrolls by itself. */
  overflow() {
    return this.page.evaluate(() => {
      const root = document.documentElement;
      if (root.scrollWidth <= root.clientWidth) return [];
      return [
        `${root.scrollWidth} of ${root.clientWidth}`,
        ...[...document.querySelectorAll('body *')]
          .filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.parentElement.closest('.scroll'))
          .slice(0, 5)
          .map((e) => `${e.tagName} ${e.id} ${e.className}`),
      ];
    });
  }

  async shot(name) {
    if (!PAGE_SHOTS) return;
    mkdirSync(PAGE_SHOTS, {recursive: true});
    await this.page.screenshot({path: join(PAGE_SHOTS, `${name}.png`), fullPage: true});
  }

  /** leave closes the page and checks what must hold of all that it did. */
  async leave() {
    const crafted = await this.crafted();
    await this.context.close();
    asked.all += this.requests.length;
    assert.deepEqual(this.foreign, [], 'requests left');
    assert.deepEqual(this.faults, [], 'faults in the page');
    assert.deepEqual(crafted, [], 'text was taken for markup');
  }
}

/** asked counts requests, states are those that axe-core looked at, lesser what it called less than serious. */
export const asked = {all: 0};
export const states = [];
export const lesser = new Map();
const texts = new Set(
  Object.keys(JSON.parse(readFileSync(new URL('../../api/web/static/locale/en.json', import.meta.url)))),
);

let failed = 0;
const wanted = process.argv.slice(2);

/**
 * trial runs a function that throws where something does not hold, and prints a line: what was tried, the figure that it gave,
 * what must be, and the verdict.
 */
export async function trial(name, must, run) {
  if (wanted.length && !wanted.some((w) => name.includes(w))) return;
  let figure,
    verdict = 'ok';
  const visits = [];
  const began = performance.now();
  const open = async (...args) => {
    const v = await Visit.open(...args);
    visits.push(v);
    return v;
  };
  try {
    figure = await run(open);
    for (const v of visits.splice(0)) await v.leave();
  } catch (e) {
    failed++;
    verdict = 'FAILED';
    figure = e.message
      .split('\n')
      .slice(0, 16)
      .map((l) => l.slice(0, 600))
      .join('\n    ');
    for (const v of visits) await v.context.close().catch(() => {});
  }
  const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  console.log(`${name.padEnd(46)} ${(figure || '').padEnd(52)} ${must.padEnd(40)} ${took.padStart(6)}  ${verdict}`);
}

export const failures = () => failed;
export {assert};
