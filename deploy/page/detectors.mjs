// That the checks of all other trials see what they are there to see: each is given a page with the fault.
import {createServer} from 'node:http';
import {Visit, assert} from './harness.mjs';

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
const head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>';

// seen opens a page, with a policy or none, and says what was written down of it.
async function seen(body, {script = '', policed = true, axe = false} = {}) {
  const server = createServer((request, answer) => {
    const html = request.url === '/';
    if (policed) answer.setHeader('Content-Security-Policy', policy);
    answer.setHeader('Content-Type', html ? 'text/html; charset=utf-8' : 'text/javascript');
    answer.end(
      html ? `${head}<main><h1>A page</h1>${body}</main>${script ? '<script src="/script.js"></script>' : ''}` : script,
    );
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const v = await Visit.open(`http://127.0.0.1:${server.address().port}`);
  await v.page.waitForTimeout(100);
  const {grave} = axe ? await v.axe() : {grave: []};
  const out = {foreign: v.foreign, faults: v.faults, crafted: await v.crafted(), grave, overflow: await v.overflow()};
  await v.context.close();
  server.close();
  return out;
}

const wide = '<div class="wide">wide</div>';
const faults = {
  'an innerHTML that the policy stops': [
    () => seen('<p id="p"></p>', {script: "document.getElementById('p').innerHTML = '<b>x</b>'"}),
    (s) => s.faults,
  ],
  'an inline script': [() => seen('<script>1</script>'), (s) => s.faults],
  'an inline style': [() => seen('<p style="color: red">x</p>'), (s) => s.faults],
  'an error in a script': [() => seen('', {script: 'nothing.here()'}), (s) => s.faults],
  'a request to elsewhere': [
    () => seen('', {script: "fetch('http://example.org/').catch(() => {})", policed: false}),
    (s) => s.foreign,
  ],
  'a picture from elsewhere': [
    () => seen('<img alt="" src="http://127.0.0.2:9/x.png">', {policed: false}),
    (s) => s.foreign,
  ],
  'text taken for markup': [
    () =>
      seen('<p id="p"></p>', {
        policed: false,
        script: "document.getElementById('p').innerHTML = `<img src=x onerror=\"window.crafted='it'\">`",
      }),
    (s) => s.crafted.filter((c) => c.includes('script ran')),
  ],
  'markup that the policy keeps from running': [() => seen('<img alt="" src=x onerror="1">'), (s) => s.crafted],
  'a field without a label': [() => seen('<input>', {axe: true}), (s) => s.grave],
  'a canvas with a role and without a name': [() => seen('<canvas role="img"></canvas>', {axe: true}), (s) => s.grave],
  'text of too little contrast': [
    () =>
      seen('<p class="a">some text</p>', {
        policed: false,
        axe: true,
        script: "document.querySelector('p').style.color = '#bbb'",
      }),
    (s) => s.grave,
  ],
  'what is wider than the screen': [
    () => seen(wide, {policed: false, script: "document.querySelector('.wide').style.width = '3000px'"}),
    (s) => s.overflow,
  ],
};

export async function run(trial) {
  await trial('the checks see faults', 'all of them, none in a page without', async () => {
    const clean = await seen('<p>text</p>', {script: '1', axe: true});
    assert.deepEqual(clean, {foreign: [], faults: [], crafted: [], grave: [], overflow: []});
    for (const [name, [page, of]] of Object.entries(faults))
      assert.notEqual(of(await page()).length, 0, `not seen: ${name}`);
    return `${Object.keys(faults).length} of ${Object.keys(faults).length}`;
  });
}
