// All trials of the pages in a browser, in a row:  deploy/test-page.sh [--shots FOLDER] [WORD…]
import {asked, failures, launch, lesser, shutDown, states, trial} from './harness.mjs';

const began = performance.now();
console.log(`${'tried'.padEnd(46)} ${'figure'.padEnd(52)} ${'must'.padEnd(40)}`);
const browser = await launch();
try {
  for (const part of ['detectors', 'answers', 'evidence', 'errors', 'hostile', 'light', 'live', 'report']) {
    const {run} = await import(`./${part}.mjs`);
    await run(trial);
  }
} finally {
  await shutDown();
}
console.log(
  `\nChromium ${browser.version()}: ${states.length} states looked at by axe-core, ${asked.all} requests, ${Math.round((performance.now() - began) / 1000)} s`,
);
if (lesser.size)
  console.log(`called less than serious by axe-core: ${[...lesser].map(([id, n]) => `${id} (${n})`).join(', ')}`);
if (failures()) {
  console.log(`${failures()} failed`);
  process.exitCode = 1;
}
