// How the answer came about, step by step: a table whose rows light up as the steps play.
import {byId, el, fill, table} from './dom.js';
import {formats, t} from './i18n.js';
import {wordText} from './problems.js';

const PACE = 1000; // ms a step, slower than three flashes a second (WCAG 2.3.1)
let timer = 0;

/** Ends what plays. */
export function stopSteps() {
  clearInterval(timer);
  timer = 0;
}

/**
 * @param {any} evidence null while there is none
 * @param {string} positive the positive label
 * @param {string} absent why there is none, in words
 * @param {(step: number) => void} onStep called with the step that is shown, from 1; 0 for all
 */
export function showSteps(evidence, positive, absent, onStep) {
  stopSteps();
  const body = byId('steps-body');
  if (!evidence) {
    fill(body, el('p', {class: 'fine'}, absent));
    return;
  }
  const {activation, anytime} = evidence;
  const count = Math.max(anytime.length, activation?.steps.length ?? 0);
  const parts = [];
  if (count > 1) parts.push(player(count, onStep));
  if (anytime.length) parts.push(answers(anytime, positive));
  if (activation) parts.push(account(activation, positive));
  const left = evidence.left_out.filter((l) => l.part !== 'raster');
  if (left.length) {
    parts.push(el('ul', {id: 'left-out'}, ...left.map((l) => el('li', {},
      el('p', {}, wordText('left', l.part)), el('p', {class: 'fine', lang: 'en'}, l.reason)))));
  }
  if (evidence.degraded) parts.push(el('p', {class: 'caution'}, `${t('evidence.degraded')} ${wordText('degraded', evidence.degraded)}`));
  fill(body, ...parts);
}

function player(count, onStep) {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const slider = el('input', {type: 'range', id: 'step', min: 0, max: count, step: 1, value: 0});
  const says = el('output', {id: 'step-value', for: 'step', 'aria-live': 'off'}); // the slider says it itself, unless it plays
  const play = el('button', {type: 'button', id: 'play', hidden: still, on: {click: () => (timer ? pause() : start())}}, t('steps.play'));
  const show = (step) => {
    slider.value = String(step);
    const words = step === 0 ? t('steps.all') : t('steps.one', {n: formats.count(step), of: formats.count(count)});
    says.textContent = words;
    slider.setAttribute('aria-valuetext', words);
    for (const row of byId('steps-body').querySelectorAll('[data-step]')) row.classList.toggle('now', Number(row.dataset.step) === step);
    onStep(step);
  };
  const pause = () => {
    stopSteps();
    says.setAttribute('aria-live', 'off');
    play.textContent = t('steps.play');
  };
  const start = () => {
    play.textContent = t('steps.pause');
    says.setAttribute('aria-live', 'polite');
    show(1);
    timer = setInterval(() => {
      const next = Number(slider.value) + 1;
      show(next > count ? 0 : next);
      if (next > count) pause();
    }, PACE);
  };
  slider.addEventListener('input', () => {
    pause();
    show(Number(slider.value));
  });
  says.textContent = t('steps.all');
  slider.setAttribute('aria-valuetext', t('steps.all'));
  return el('div', {class: 'player', role: 'group', 'aria-label': t('steps.title')}, play,
    el('label', {for: 'step', class: 'unseen'}, t('steps.slider')), slider, says);
}

function answers(anytime, positive) {
  const rows = anytime.map((a) => {
    const p = a.probability ?? a.raw_probability;
    const bar = el('span', {class: 'bar', 'aria-hidden': true});
    bar.style.setProperty('--share', `${100 * p}%`);
    return [el('span', {}, formats.count(a.step)),
      el('span', {class: 'barred'}, bar, formats.percent(p), a.probability === null ? ` ${t('answer.raw.short')}` : ''),
      a.log_odds === null ? t('none') : formats.signed(a.log_odds)];
  });
  const out = table(t('steps.answers'), [t('steps.after'), t('steps.probability', {label: positive}), t('steps.odds')], rows);
  out.id = 'steps-answers';
  out.querySelectorAll('tbody tr').forEach((row, i) => { row.dataset.step = String(anytime[i].step); });
  return out;
}

// account is the sum that the activation map is: bias, steps and rounding make the log-odds.
function account(activation, positive) {
  const total = (cells) => cells.flat().reduce((a, b) => a + b, 0);
  const rows = [[t('sum.bias'), formats.signed(activation.bias)],
    ...activation.steps.map((cells, i) => [t('sum.step', {n: formats.count(i + 1)}), formats.signed(total(cells))]),
    [t('sum.rounding'), Math.abs(activation.rounding) < 0.0005 ? formats.decimal(0) : formats.signed(activation.rounding)],
    [t('sum.all', {label: positive}), el('strong', {}, formats.signed(activation.log_odds))]];
  const out = table(t('sum'), [t('sum.part'), t('sum.odds')], rows);
  out.id = 'steps-sum';
  [...out.querySelectorAll('tbody tr')].slice(1, -2).forEach((row, i) => { row.dataset.step = String(i + 1); });
  return out;
}
