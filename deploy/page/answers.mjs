// From a film to its answer: formats, lists, keyboard, languages, screens.
import {execFileSync} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import {assert, film, scratch, screens, serve} from './harness.mjs';
import {agrees, answer, give, ink, percent, settled, shown, statesOf} from './films.mjs';

export let server;

export async function run(trial) {
  const calibration = `${scratch}/calibration.json`;
  rmSync(calibration, {force: true});
  execFileSync(process.env.SPIKERAY_BIN, ['calibrate', film('labelled'), '--place', 'Ward <b>1</b>', '--out', calibration], {
    stdio: 'ignore',
  });
  server = await serve('--calibration', calibration);
  const {url} = server;

  await trial('the empty page, PNG, JPEG and DICOM', "the page's answers are the service's", async (open) => {
    const v = await open(url);
    await v.page.locator('#model option').first().waitFor({state: 'attached'});
    await v.looks('empty');
    const said = [];
    for (const [i, name] of ['normal.png', 'pneumonia.jpg', 'film.dcm'].entries()) {
      await give(v, name);
      await v.page.locator(`#rows tr[data-film="${i + 1}"] .row-name`).click();
      await settled(v, i + 1);
      const a = await agrees(v, url, name);
      assert.ok(
        (await v.page.locator('#calibration').innerText()).includes('Ward <b>1</b>'),
        'the place of the calibration is not named',
      );
      const {interval} = a.calibration;
      const told = interval ? await v.page.locator('#interval').innerText() : '';
      assert.ok(!interval || (told.includes(percent(interval.low)) && told.includes(percent(interval.high))), told);
      const drawn = await ink(v, '#film');
      assert.ok(
        drawn.drawn > 0.5 * drawn.width * drawn.height && drawn.width > 100,
        `${name} is not drawn: ${JSON.stringify(drawn)}`,
      );
      said.push(percent(a.probability) + (interval ? ' with interval' : ''));
      await v.looks(`answer-${name.replace('.', '-')}`);
    }
    const notice = await v.page.locator('#notice').innerText();
    assert.match(notice, /Research only.*1 to 5 years/);
    return said.join(', ');
  });

  await trial('several films, one of them none', 'sorted, walked through by keys, removed', async (open) => {
    const v = await open(url);
    await give(v, 'pneumonia.png', 'no-picture.png', 'normal.png', 'film.dcm', 'cut.png');
    await settled(v, 5);
    assert.deepEqual(await statesOf(v), ['answered', 'refused', 'answered', 'answered', 'refused']);
    await v.looks('list');
    await v.page.locator('#sort-result button').click();
    const names = await v.page.$$eval('#rows .row-name', (all) => all.map((e) => e.textContent));
    assert.equal(names[0], 'normal.png', names.join());
    await v.page.locator('#rows .row-name').first().click();
    await v.page.keyboard.press('ArrowDown');
    assert.equal(await v.page.locator('#film-title').innerText(), names[1]);
    await v.page.keyboard.press('End');
    assert.equal(await v.page.locator('#film-title').innerText(), names[4]);
    await v.page.keyboard.press('Delete');
    assert.equal(await v.page.locator('#rows tr').count(), 4);
    await v.page.locator('#clear').click();
    assert.ok(await v.page.locator('#film-panel').isHidden());
    return names.join(' ');
  });

  await trial('by keyboard from load to evidence', 'each stop is named and can be seen', async (open) => {
    const v = await open(url);
    await v.page.locator('#model option').first().waitFor({state: 'attached'});
    let stops = 0;
    const to = async (selector) => {
      for (let i = 0; i < 80; i++) {
        await v.page.keyboard.press('Tab');
        stops++;
        const at = await v.page.evaluate((wanted) => {
          const e = document.activeElement;
          const style = getComputedStyle(e);
          const name =
            e.getAttribute('aria-label') ||
            document.getElementById(e.getAttribute('aria-labelledby'))?.textContent ||
            e.labels?.[0]?.textContent ||
            e.textContent;
          const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
          const box = e.getBoundingClientRect();
          return {
            hit: e.matches(wanted),
            body: e === document.body,
            what: `${e.tagName} ${e.id}`,
            named: Boolean(name?.trim()),
            ring,
            seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
          };
        }, selector);
        if (at.body) continue; // past the last stop
        assert.ok(at.named && at.ring && at.seen, `a stop is not named or cannot be seen: ${JSON.stringify(at)}`);
        if (at.hit) return;
      }
      assert.fail(`Tab does not reach ${selector}`);
    };
    await to('#choose');
    const chooser = v.page.waitForEvent('filechooser');
    await v.page.keyboard.press('Enter');
    await (await chooser).setFiles([film('pneumonia.png')]);
    await settled(v);
    await to('#maps input');
    const first = await ink(v, '#overlay');
    assert.ok(first.drawn > 0);
    await v.page.keyboard.press('ArrowDown');
    assert.notDeepEqual(await ink(v, '#overlay'), first);
    await to('#opacity');
    await v.page.keyboard.press('ArrowLeft');
    await v.page.keyboard.press('ArrowLeft');
    assert.equal(await v.page.locator('#overlay').evaluate((e) => e.style.opacity), '0.5');
    await to('#map-table summary');
    await v.page.keyboard.press('Enter');
    assert.equal(await v.page.locator('#map-numbers td').count(), 64);
    await v.looks('keyboard-map-table');
    await to('#play');
    await v.page.keyboard.press('Enter');
    await v.page.locator('#steps-answers tr.now').first().waitFor();
    await to('#raster-load');
    await v.page.keyboard.press('Enter');
    await v.page.locator('#raster-canvas').waitFor();
    assert.equal(await v.page.evaluate(() => document.activeElement.id), 'raster-layer');
    await to('#curl-copy');
    await v.page.keyboard.press('Enter');
    return `${stops} stops`;
  });

  await trial('languages', 'by address, by browser and by choice; translated', async (open) => {
    const files = Object.fromEntries(
      ['en', 'de', 'zh'].map((l) => [
        l,
        JSON.parse(readFileSync(new URL(`../../api/web/static/locale/${l}.json`, import.meta.url))),
      ]),
    );
    // Sentences are never the same in two languages; a word may be, and what has only places for values.
    const sentence = (text) => /[a-z]{3}.* .*[a-z]{3}/i.test(text.replace(/\{\w+\}/g, ''));
    const same = (l) => Object.keys(files.en).filter((k) => files.en[k] === files[l][k] && sentence(files.en[k]));
    for (const l of ['de', 'zh']) assert.deepEqual(same(l), [], `not translated into ${l}`);
    for (const lang of ['de', 'zh']) {
      const v = await open(url, lang === 'de' ? '/?lang=de' : '/', lang === 'de' ? {} : {locale: 'zh-CN'});
      await give(v, 'pneumonia.png');
      await settled(v);
      assert.equal(await v.page.evaluate(() => document.documentElement.lang), lang);
      assert.equal(await v.page.locator('#answer-title').innerText(), files[lang].answer);
      await v.looks(`language-${lang}`);
      await v.page.locator('#language').selectOption('en');
      await v.page.waitForFunction((text) => document.querySelector('#answer-title').textContent === text, files.en.answer);
      assert.equal(await v.page.evaluate(() => document.documentElement.lang), 'en');
      await settled(v);
    }
    return `${Object.keys(files.en).length} texts in ${Object.keys(files).length} languages`;
  });

  await trial('screens', 'nothing scrolls sideways', async (open) => {
    for (const [name, options] of Object.entries({...screens, light: {}, forced: {forcedColors: 'active'}})) {
      const v = await open(url, '/', options);
      if (name === 'light') await v.page.locator('#theme').click();
      await give(v, 'crafted-dicom.dcm', 'normal.png', 'no-picture.png');
      await settled(v, 3);
      await v.page.locator('#raster-load').click();
      await v.page.locator('#raster-canvas').waitFor();
      await v.page.$$eval('details', (all) =>
        all.forEach((d) => {
          d.open = true;
        }),
      );
      await v.looks(`screen-${name}`, {axe: name !== 'forced' && name !== 'zoomed'});
      assert.equal(await v.page.evaluate(() => document.documentElement.dataset.theme), name === 'light' ? 'light' : 'dark');
    }
    return '360 px, 1280 px at 100% and 200%, light, forced';
  });

  await trial('the curl line', 'does in a shell what the page did', async (open) => {
    const v = await open(url, '/', {permissions: ['clipboard-read', 'clipboard-write']});
    const said = [];
    // A name that a shell would take apart, and the same film by another model.
    const name = `it's $(touch pwned) "a" b.png`;
    const bytes = readFileSync(film('normal.png'));
    execFileSync('bash', ['-c', 'cat >"$0"', name], {cwd: film(''), input: bytes});
    await give(v, {name, buffer: bytes});
    await settled(v);
    for (const model of ['spikeray', 'cnnxray']) {
      await v.page.locator('#model').selectOption(model);
      await v.page.waitForFunction(
        (m) => document.querySelector('#curl').textContent.includes('model=') === (m !== 'spikeray'),
        model,
      );
      await settled(v);
      await v.page.locator('#curl-copy').click();
      await v.page.waitForFunction(() => document.querySelector('#curl-said').textContent);
      const line = await v.page.evaluate(() => navigator.clipboard.readText());
      const got = JSON.parse(
        execFileSync('bash', ['-c', `set -e; ${line}`], {cwd: film(''), stdio: ['ignore', 'pipe', 'ignore']}),
      );
      assert.equal(got.model.name, model);
      assert.deepEqual(await shown(v), {probability: percent(got.probability), label: got.label});
      assert.equal(got.probability, (await answer(url, 'normal.png', `?model=${model}`)).probability);
      said.push(`${model} ${percent(got.probability)}`);
    }
    assert.throws(() => readFileSync(film('pwned')));
    return said.join(', ');
  });
}
