// Where the milliseconds went.
import {byId, el, fill, table} from './dom.js';
import {formats, t} from './i18n.js';

/**
 * @param {any} answer with page_ms, from the request's start to the answer's end in this page
 * @returns {{name: string, ms: number}[]} parts that add up to page_ms
 */
export function partsOf(answer) {
  const {queue, decode, prepare, infer, total} = answer.timing_ms;
  const rest = Math.max(0, total - queue - decode - prepare - infer);
  return [['queue', queue], ['decode', decode], ['prepare', prepare], ['infer', infer], ['rest', rest], ['way', Math.max(0, answer.page_ms - total)]]
    .map(([name, ms]) => ({name, ms}));
}

/**
 * @param {any} answer undefined if there is none
 * @param {any} evidence null if there is none
 */
export function showTimes(answer, evidence) {
  const body = byId('times-body');
  if (!answer) {
    fill(body, el('p', {class: 'fine'}, t('times.none')));
    return;
  }
  const parts = partsOf(answer);
  const bar = el('div', {class: 'times', id: 'times-bar', 'aria-hidden': true}, ...parts.map(({name, ms}) => {
    const part = el('span', {class: `part ${name}`});
    part.style.flexGrow = String(ms);
    return part;
  }));
  const rows = parts.map(({name, ms}) => [
    el('span', {}, el('span', {class: `swatch ${name}`, 'aria-hidden': true}), t(`times.${name}`)), formats.ms(ms)]);
  rows.push([t('times.all'), el('strong', {}, formats.ms(answer.page_ms))]);
  if (evidence) rows.push([t('times.explain'), formats.ms(evidence.timing_ms.explain)]);
  fill(body, bar, table(t('times'), [t('times.part'), t('times.took')], rows));
}
