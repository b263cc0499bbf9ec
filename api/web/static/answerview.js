// What the service answered for the selected film, or why it did not.
import {byId, el, fill, table} from './dom.js';
import {formats, has, isolated, t, tn} from './i18n.js';
import {problemText, warningText, wordText} from './problems.js';
import {decide} from './worklist.js';

/**
 * @typedef {object} Actions
 * @property {() => void} retry
 * @property {() => void} cancel
 * @property {() => void} remove
 * @property {(bits: number) => void} bits asks again with so many significant bits
 */

/**
 * @param {import('./worklist.js').Film} film
 * @param {any} answer undefined if there is none
 * @param {any} model that answers, as in the service's list, and its document once it is there
 * @param {string} point the operating point that was chosen, "" for the service's
 * @param {Actions} actions
 */
export function showAnswer(film, answer, model, point, actions) {
  const body = byId('answer');
  const focused = body.contains(document.activeElement) ? document.activeElement.id : null;
  body.dataset.state = film.state;
  if (film.state === 'answered') fill(body, ...answered(film, answer, model, point, actions));
  else if (film.problem) fill(body, ...failed(film, actions));
  else fill(body, ...pending(film, actions));
  // What had the focus is gone: it goes to what took its place.
  if (focused !== null) (byId(focused) ?? byId('answer-panel')).focus();
}

function button(key, action, id, kind = '') {
  return el('button', {type: 'button', id, class: kind, on: {click: action}}, t(key));
}

function pending(film, actions) {
  const stopped = film.state === 'cancelled';
  return [
    el('p', {class: stopped ? 'headline' : 'headline working'}, t(`state.${film.state}.long`)),
    el('p', {class: 'buttons'},
      stopped ? button('retry', actions.retry, 'retry', 'main') : button('cancel', actions.cancel, 'cancel'),
      button('films.remove', actions.remove, 'remove', 'quiet')),
  ];
}

function failed(film, actions) {
  const said = problemText(film.problem);
  const refused = film.state === 'refused';
  const out = [
    el('p', {class: `headline ${refused ? 'refused' : 'failed'}`, id: 'problem-title'}, said.title),
    said.advice && el('p', {id: 'problem-advice'}, said.advice),
    said.detail && el('div', {class: 'quote'}, el('p', {class: 'fine'}, t('problem.said')), el('p', {lang: 'en', id: 'problem-detail'}, said.detail)),
  ];
  if (film.problem.passing) out.push(el('p', {id: 'problem-wait'}, waiting(film)));
  if (film.problem.code === 'sample-depth') out.push(bitsField(film, actions));
  out.push(el('p', {class: 'buttons'},
    button('retry', actions.retry, 'retry', 'main'),
    film.state === 'busy' && button('cancel', actions.cancel, 'cancel'),
    button('films.remove', actions.remove, 'remove', 'quiet')));
  const facts = [[t('problem.code'), said.code], film.problem.status ? [t('problem.status'), String(film.problem.status)] : null,
    film.problem.instance ? [t('problem.instance'), film.problem.instance] : null].filter(Boolean);
  out.push(details('facts', t('problem.facts'), table(t('problem.facts'), [t('fact'), t('value')], facts)));
  return out;
}

function waiting(film) {
  const after = film.problem.retryAfter;
  const asked = after ? tn('busy.after', after) : t('busy.unsaid');
  return film.state === 'busy' ? `${asked} ${t('busy.again')}` : `${asked} ${t('busy.over')}`;
}

function bitsField(film, actions) {
  const select = el('select', {id: 'bits'},
    ...[16, 15, 14, 13, 12, 11, 10, 9, 8].map((n) => el('option', {selected: n === (film.bits || 12)}, String(n))));
  return el('div', {class: 'field'}, el('label', {for: 'bits'}, t('bits')), select,
    el('button', {type: 'button', id: 'bits-use', class: 'main', on: {click: () => actions.bits(Number(select.value))}}, t('bits.use')));
}

function details(id, summary, ...children) {
  const open = byId(id)?.open ?? false;
  return el('details', {id, open}, el('summary', {}, summary), ...children);
}

function answered(film, answer, model, point, actions) {
  const {label, threshold, point: chosen} = decide(answer, model, point);
  const warnings = answer.input.warnings.map(warningText);
  const grave = warnings.some((w) => w.grave) || answer.gate?.accepted === false;
  const out = [];
  if (answer.probability === null) {
    out.push(el('p', {class: 'headline', id: 'label'}, t('answer.undecided')),
      el('p', {class: 'figure'}, el('span', {class: 'big', id: 'probability'}, formats.percent(answer.raw_probability)), ' ',
        el('span', {class: 'fine'}, t('answer.raw', {label: wordText('label', model.positive)}))));
  } else {
    const positive = label === model.positive;
    out.push(
      grave && el('p', {class: 'doubt', id: 'doubt'}, t('answer.doubt')),
      el('div', {class: grave ? 'verdict doubted' : 'verdict'},
        el('p', {class: 'figure'}, el('span', {class: 'big', id: 'probability'}, formats.percent(answer.probability)), ' ',
          el('span', {class: 'fine'}, t('answer.probability', {label: wordText('label', model.positive)}))),
        scaleBar(answer, threshold, intervalOf(answer)),
        el('p', {class: 'decision'}, el('strong', {id: 'label', class: positive ? 'positive' : 'negative'}, wordText('label', label)), ' ',
          chosen ? t('answer.by.point', {point: chosen.name, threshold: formats.share(threshold)})
            : t('answer.by.threshold', {threshold: formats.share(threshold)}))),
      chosen && el('p', {class: 'fine', id: 'point-rates'}, t(answer.calibration ? 'point.rates.site' : 'point.rates', {
        sensitivity: estimate(chosen.sensitivity), specificity: estimate(chosen.specificity)})),
      ...siteWords(answer, model, label, chosen));
  }
  if (answer.degraded) {
    out.push(el('p', {class: 'caution', id: 'degraded'}, wordText('degraded', answer.degraded)));
  }
  out.push(warningList(warnings, answer));
  out.push(details('facts', t('facts'), facts(film, answer, model, threshold)));
  out.push(el('p', {class: 'buttons'}, button('films.remove', actions.remove, 'remove', 'quiet')));
  return out;
}

/**
 * @param {any} answer
 * @returns {{low: number, high: number}|null} the 95% interval of a site's calibration at the answer's probability
 */
function intervalOf(answer) {
  return answer.calibration?.interval ?? null;
}

function estimate(e) {
  return t('estimate', {value: formats.share(e.value), low: formats.share(e.low), high: formats.share(e.high)});
}

// scaleBar shows the probability against the threshold; the sentences around it say the same.
function scaleBar(answer, threshold, interval) {
  const bar = el('div', {class: 'scale', 'aria-hidden': true},
    interval && el('span', {class: 'scale-interval'}), el('span', {class: 'scale-value'}), el('span', {class: 'scale-threshold'}));
  const part = (name) => bar.querySelector(`.scale-${name}`).style;
  if (interval) {
    part('interval').left = `${100 * interval.low}%`;
    part('interval').width = `${100 * (interval.high - interval.low)}%`;
  }
  part('value').width = `${100 * answer.probability}%`;
  part('threshold').left = `${100 * threshold}%`;
  return bar;
}

// siteWords say by whose calibration the answer is and how sure that one is.
function siteWords(answer, model, label, chosen) {
  const site = answer.calibration;
  if (!site) return [el('p', {class: 'fine', id: 'calibration'}, t(model.calibration ? 'calibration.model' : 'calibration.none'))];
  const interval = intervalOf(answer);
  const values = chosen && model.site?.operating_points.find((p) => p.name === chosen.name);
  const predictive = values && (label === model.positive ? values.ppv : values.npv);
  return [el('div', {id: 'calibration', class: 'site'},
    interval && el('p', {id: 'interval'}, t('site.interval', {low: formats.percent(interval.low), high: formats.percent(interval.high)})),
    el('p', {}, tn('site.by', site.pictures, {place: isolated(site.place), date: formats.date(site.made)})),
    predictive && el('p', {id: 'predictive'}, t('site.predictive', {
      label: wordText('label', label), prevalence: formats.share(model.calibration.prevalence), value: estimate(predictive)})))];
}

function warningList(warnings, answer) {
  if (warnings.length === 0) return el('p', {class: 'fine', id: 'no-warnings'}, t('warnings.none'));
  return el('div', {},
    el('h3', {id: 'warnings-title'}, tn('warnings', warnings.length)),
    el('ul', {id: 'warnings', class: 'warnings'}, ...warnings.map((w) => el('li', {class: w.grave ? 'grave' : '', 'data-code': w.code},
      w.text && el('p', {}, w.text),
      w.code === 'gate' && answer.gate?.reason && has(`gate.${answer.gate.reason}`) && el('p', {}, t(`gate.${answer.gate.reason}`)),
      w.detail && el('p', {class: 'fine', lang: 'en'}, w.detail)))));
}

function facts(film, answer, model, threshold) {
  const rows = [
    [t('fact.model'), `${answer.model.name} ${answer.model.version}`],
    [t('fact.backend'), answer.backend.name],
    answer.probability !== null && [t('fact.probability'), formats.exact(answer.probability)],
    [t('fact.raw'), formats.exact(answer.raw_probability)],
    threshold !== null && [t('fact.threshold'), formats.exact(threshold)],
    answer.gate && [t('fact.gate'), formats.percent(answer.gate.probability)],
    [t('fact.file'), t('fact.file.value', {format: answer.input.format, width: answer.input.width, height: answer.input.height, size: formats.bytes(film.file.size)})],
    answer.steps !== null && [t('fact.steps'), formats.count(answer.steps)],
    answer.spikes && [t('fact.spikes'), t('fact.spikes.value', {total: formats.count(answer.spikes.total), rate: formats.decimal(answer.spikes.rate)})],
    answer.spikes && [t('fact.operations'), formats.count(answer.spikes.synaptic_operations)],
    ...filmFacts(answer.dicom),
    answer.board && [t('fact.board'), t('fact.board.value', {saturated: formats.count(answer.board.saturated), lost: formats.count(answer.board.lost)})],
    [t('fact.id'), answer.id],
  ];
  return table(t('facts'), [t('fact'), t('value')], rows.filter(Boolean));
}

function filmFacts(dicom) {
  if (!dicom) return [];
  const said = (v) => v ?? t('fact.unsaid');
  const {center, width} = dicom.window;
  return [
    [t('fact.modality'), dicom.modality],
    [t('fact.body'), said(dicom.body_part)],
    [t('fact.view'), said(dicom.view_position)],
    [t('fact.age'), dicom.age_years === null ? t('fact.unsaid') : formats.count(dicom.age_years)],
    [t('fact.photometric'), dicom.photometric_interpretation],
    [t('fact.window'), center === null ? dicom.window.function : `${dicom.window.function} ${formats.decimal(center)} / ${formats.decimal(width)}`],
    [t('fact.turned'), dicom.orientation === 1 ? t('no') : t('yes')],
    [t('fact.lossy'), dicom.lossy ? t('yes') : t('no')],
  ];
}
