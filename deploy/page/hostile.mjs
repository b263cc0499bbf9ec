// Texts from files that are markup: names, and what PNG, JPEG, DICOM and a model's card say.
import {readFileSync} from 'node:fs';
import {assert, film} from './harness.mjs';
import {server} from './answers.mjs';
import {give, settled, statesOf} from './films.mjs';

const names = [
  `<img src=x class=crafted-name onerror="window.crafted='name'">.png`,
  `"'><script class=crafted-quote>window.crafted='quote'</script>.png`,
  '\u202egnp.exe\u2066 \u200f\u061c.png',
  '{name} $& $1 %s \u0000\u001b[31m\n.png',
  `${'a very long name '.repeat(14)}.png`,
  `${'x'.repeat(250)}.png`,
  '__proto__',
  'javascript:window.crafted=1',
];

export async function run(trial) {
  const {url} = server;

  await trial('file names that are markup', 'shown as text, in their own direction', async (open) => {
    for (const narrow of [false, true]) {
      const v = await open(url, '/', narrow ? {viewport: {width: 360, height: 740}} : {});
      const buffer = readFileSync(film('normal.png'));
      await give(v, ...names.map((name) => ({name, buffer})), {
        name: `<b class=crafted-bad>bad</b>.png`,
        buffer: Buffer.from('no picture'),
      });
      await settled(v, names.length + 1);
      const shown = await v.page.$$eval('#rows bdi', (all) => all.map((e) => e.textContent));
      assert.equal(shown[0], names[0]);
      assert.ok(
        !/[\u202a-\u202e\u2066-\u2069\u0000-\u001f]/.test(shown.join('')),
        'a name changes the direction of writing or has control characters',
      );
      for (let i = 0; i <= names.length; i++) {
        await v.page.locator('#rows .row-name').nth(i).click();
        assert.equal(
          await v.page
            .locator('#film-title')
            .innerText()
            .then((t) => t.trim().replace(/\s+/g, ' ')),
          shown[i].trim().replace(/\s+/g, ' '),
        );
        await v.page.waitForTimeout(50);
        assert.deepEqual(await v.crafted(), [], shown[i]);
      }
      await settled(v, names.length + 1);
      await v.looks(`names-${narrow ? 'narrow' : 'wide'}`);
    }
    return `${names.length + 1} names`;
  });

  await trial('texts within files that are markup', 'run no script, add no element', async (open) => {
    const v = await open(url);
    const files = ['crafted-text.png', 'crafted-exif.jpg', 'crafted-comment.jpg', 'crafted-dicom.dcm', 'no-picture.png'];
    await give(v, ...files);
    await settled(v, files.length);
    assert.deepEqual(await statesOf(v), ['answered', 'answered', 'answered', 'answered', 'refused']);
    for (let i = 0; i < files.length; i++) {
      await v.page.locator('#rows .row-name').nth(i).click();
      await settled(v, files.length);
      await v.page.$$eval('details', (all) =>
        all.forEach((d) => {
          d.open = true;
        }),
      );
      assert.deepEqual(await v.crafted(), [], files[i]);
      await v.looks(files[i].replace('.', '-'));
    }
    return files.join(' ');
  });

  await trial('a card and answers that are markup', 'shown as text; links lead nowhere by themselves', async (open) => {
    const bad = `<img src=x class=crafted-card onerror="window.crafted='card'">`;
    const card = [
      `# Title ${bad}`,
      `Text **bold ${bad}** _it_ \`code ${bad}\``,
      `[link](javascript:window.crafted='link') [out](http://example.org/x) ![picture](http://example.org/p.png) <http://example.org/auto>`,
      `| a ${bad} | b |`,
      '|---|---|',
      `| ${bad} | x |`,
      `- item ${bad}`,
      '```html',
      bad,
      '```',
      `<script class=crafted-script>window.crafted='script'</script>`,
      `[ref]: javascript:window.crafted=1`,
      '> quote',
      `${'['.repeat(20_000)}`,
      `${'*'.repeat(20_000)}`,
      `${'| '.repeat(5000)}`,
    ].join('\n\n');
    const v = await open('about:blank', '');
    v.origin = new URL(url).origin;
    await v.context.route('**/v1/models/spikeray', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({response: answer, json: {...(await answer.json()), card}});
    });
    await v.context.route('**/v1/predictions*', async (route) => {
      const answer = await route.fetch();
      const json = await answer.json();
      Object.assign(json, {notice: bad, degraded: bad, id: bad});
      json.input.warnings = [`gate: ${bad}`, bad];
      json.backend.name = bad;
      json.calibration.place = bad;
      await route.fulfill({response: answer, json});
    });
    await v.page.goto(url);
    await give(v, 'normal.png');
    await settled(v);
    await v.page.locator('#facts').evaluate((e) => {
      e.open = true;
    });
    assert.deepEqual(await v.crafted(), [], 'the answer');
    assert.ok((await v.page.locator('#warnings').innerText()).includes('onerror'));
    const began = performance.now();
    await v.page.locator('#card-open').click();
    await v.page.locator('#card h2, #card h3').first().waitFor();
    const took = performance.now() - began;
    assert.ok(took < 3000, `the card took ${took} ms`);
    assert.deepEqual(await v.crafted(), [], 'the card');
    assert.ok((await v.page.locator('#card-body').innerText()).includes('onerror'));
    assert.equal(await v.page.locator('#card-body img, #card-body script, #card-body iframe').count(), 0);
    const links = await v.page.$$eval('#card-body a', (all) => all.map((a) => a.protocol));
    assert.deepEqual(
      links.filter((l) => !['http:', 'https:'].includes(l)),
      [],
    );
    return `card shown in ${Math.round(took)} ms, ${links.length} links`;
  });
}
