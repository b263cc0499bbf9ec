// The same film, answered by several models.
import {byId, el, fill, table} from './dom.js';
import {formats, t} from './i18n.js';
import {problemText, warningText, wordText} from './problems.js';
import {decide} from './worklist.js';

/** The models that are compared, also for the next film. */
const chosen = new Set();
let redraw = () => {};

/** Shows the decisions at the operating point that is chosen by now. */
export function drawCompare() {
  redraw();
}

/**
 * @param {any[]} models as in the service's list; none before there is an answer
 * @param {{model: any, point: string}} choice the model and the operating point that are in force
 * @param {(model: string, signal: AbortSignal) => Promise<any>} answerOf
 * @param {(model: string) => any} known an answer that is there already
 * @param {AbortSignal} signal ends with the selection of the film
 */
export function showCompare(models, choice, answerOf, known, signal) {
  redraw = () => {};
  const body = byId('compare-body');
  if (models.length < 2) {
    fill(body, el('p', {class: 'fine'}, t(models.length ? 'compare.one' : 'compare.none')));
    return;
  }
  const current = choice.model.name;
  const place = el('div', {id: 'compare-place', role: 'status'});
  const results = new Map(models.map((m) => [m.name, known(m.name)]).filter(([, a]) => a));
  const draw = () => {
    const rows = models.filter((m) => results.has(m.name) && (m.name === current || chosen.has(m.name))).map((m) => row(m, results.get(m.name), choice.point));
    fill(place, rows.length > 1 && tableOf(rows), rows.length > 1 && el('p', {class: 'fine'}, t('compare.says')));
  };
  const run = async () => {
    if (place.hasAttribute('aria-busy')) return;
    place.setAttribute('aria-busy', 'true');
    for (const m of models) {
      if (signal.aborted || m.name !== current && !chosen.has(m.name)) continue;
      if (results.has(m.name) && !results.get(m.name).problem) continue;
      try {
        results.set(m.name, await answerOf(m.name, signal));
      } catch (error) {
        if (!signal.aborted) results.set(m.name, {problem: error});
      }
    }
    if (signal.aborted) return;
    place.removeAttribute('aria-busy');
    draw();
  };
  const go = el('button', {type: 'button', id: 'compare-go', on: {click: run}}, t('compare.go'));
  const ready = () => { go.disabled = ![...chosen].some((name) => name !== current); };
  const boxes = models.map((m) => el('label', {},
    el('input', {type: 'checkbox', value: m.name, checked: m.name === current || chosen.has(m.name), disabled: m.name === current,
      on: {change: (event) => {
        if (event.target.checked) chosen.add(m.name);
        else chosen.delete(m.name);
        ready();
        draw();
      }}}), el('span', {}, m.name)));
  ready();
  fill(body, el('fieldset', {id: 'compare-models', class: 'checks'}, el('legend', {}, t('compare.which')), ...boxes), el('p', {}, go), place);
  redraw = draw;
  draw();
}

function row(model, answer, chosenPoint) {
  if (answer.problem) return [model.name, problemText(answer.problem).title, '', '', '', ''];
  const doubt = answer.gate?.accepted === false || answer.input.warnings.some((w) => warningText(w).grave);
  const {label, threshold, point} = decide(answer, model, chosenPoint);
  const p = answer.probability ?? answer.raw_probability;
  const bar = el('span', {class: 'bar', 'aria-hidden': true});
  bar.style.setProperty('--share', `${100 * p}%`);
  return [`${model.name} ${answer.model.version}`,
    el('span', {class: 'barred'}, bar, formats.percent(p)),
    label === null ? t('answer.raw.short') : wordText('label', label) + (doubt ? ` (${t('films.doubt')})` : ''),
    point ? t('compare.at', {point: point.name, threshold: formats.share(threshold)}) : threshold === null ? t('none') : formats.share(threshold),
    t(answer.calibration ? 'compare.site' : model.calibration ? 'yes' : 'no'),
    formats.ms(answer.timing_ms.infer)];
}

function tableOf(rows) {
  const out = table(t('compare'), ['model', 'probability', 'label', 'threshold', 'calibrated', 'time'].map((k) => t(`compare.${k}`)), rows);
  out.id = 'compare-table';
  return out;
}
