// The sections of the status page for what not every server has: a board, references for drift, an outbox, DICOM.
import {t} from './i18n.js';
import {names} from './status-names.js';
import {word} from './status-load.js';
import {Table, section, show} from './status-view.js';

const by =
  (history, name, f) =>
  ({labels: l}) => [
    f.count(history.increase(name, Object.fromEntries(l)).by),
    f.count(history.value(name, Object.fromEntries(l))),
  ];
const columns = (...keys) => keys.map((k) => t(`status.column.${k}`));

export function board(f) {
  const states = new Table(t('status.board.states'), columns('board', 'state', 'means'), [1, 2]);
  const counts = new Table(t('status.board.counts'), columns('what', 'minute', 'total'));
  return {
    element: section('board', t('status.board.title'), t('status.board.note'), states.element, counts.element),
    update(h) {
      const now = h.series(names.boardState).filter((s) => s.value === 1);
      const marks = {};
      for (const {labels: l} of now)
        marks[l.get('board')] = {quarantined: 'bad', open: 'warn', half_open: 'warn'}[l.get('state')] ?? '';
      states.fill(
        now.map(({labels: l}) => [l.get('board'), l.get('state'), word('state', l.get('state'))]),
        marks,
      );
      const several = new Set(now.map(({labels: l}) => l.get('board'))).size > 1;
      const named = (l, text) => (several ? `${l.get('board')}: ${text}` : text);
      const rows = [];
      for (const s of h.series(names.boardCanaries)) {
        rows.push([named(s.labels, t(`status.board.canary.${s.labels.get('right')}`)), ...by(h, names.boardCanaries, f)(s)]);
      }
      for (const s of h.series(names.boardFailures).filter((x) => x.value > 0)) {
        rows.push([
          named(s.labels, t('status.board.failure', {kind: word('kind', s.labels.get('kind'))})),
          ...by(h, names.boardFailures, f)(s),
        ]);
      }
      for (const s of h.series(names.degraded).filter((x) => x.value > 0)) {
        rows.push([
          t('status.board.fallback', {model: s.labels.get('model'), kind: word('kind', s.labels.get('reason'))}),
          ...by(h, names.degraded, f)(s),
        ]);
      }
      counts.fill(rows);
      return h.has(names.boardState);
    },
  };
}

// driftState is the state of the drift report: the same words, from the same window.
export function driftState(history, model) {
  if (!history.series(names.driftPictures, {model}).length) return 'no_reference';
  if (history.series(names.driftRaised, {model}).some((s) => s.value === 1)) return 'drifted';
  return history.series(names.driftShare, {model}).length ? 'steady' : 'filling';
}

export function drift(f) {
  const states = new Table(t('status.drift.states'), columns('model', 'state', 'means', 'window', 'share'), [1, 2]);
  const measures = new Table(t('status.drift.measures'), columns('measure', 'index', 'raised'), [2]);
  const estimates = new Table(t('status.drift.estimates'), columns('point', 'sensitivity', 'specificity'));
  return {
    element: section(
      'drift',
      t('status.drift.title'),
      t('status.drift.note'),
      states.element,
      measures.element,
      estimates.element,
    ),
    update(h) {
      const models = h.series(names.model).map((s) => s.labels.get('model'));
      const marks = {};
      states.fill(
        models.map((model) => {
          const state = driftState(h, model);
          if (state === 'drifted') marks[model] = 'warn';
          const window =
            state === 'no_reference'
              ? ''
              : `${f.count(h.value(names.driftPictures, {model}))} / ${f.count(h.value(names.driftCapacity, {model}))}`;
          return [model, state, word('drift.state', state), window, f.share(h.value(names.driftShare, {model}))];
        }),
        marks,
      );
      const raised = {};
      const rows = h.series(names.driftIndex).map(({labels: l, value}) => {
        const where = {model: l.get('model'), measure: l.get('measure')};
        const flag = h.series(names.driftRaised, where)[0]?.value;
        const key = `${where.model}: ${where.measure}`;
        if (flag === 1) raised[key] = 'warn';
        return [key, f.index(value), t(`status.drift.raised.${flag ?? 'none'}`)];
      });
      measures.fill(rows, raised);
      show(measures.element, rows.length > 0);
      const rates = new Map();
      for (const {labels: l, value} of h.series(names.driftEstimate)) {
        const key = `${l.get('model')}: ${l.get('operating_point')}, ${l.get('method')}`;
        rates.set(key, {...rates.get(key), [l.get('rate')]: value});
      }
      estimates.fill([...rates].map(([key, r]) => [key, f.share(r.sensitivity), f.share(r.specificity)]));
      show(estimates.element, rates.size > 0);
      return h.has(names.driftPictures);
    },
  };
}

export function outbox(f) {
  const targets = new Table(t('status.outbox.targets'), columns('target', 'waiting', 'oldest', 'kept'));
  const tries = new Table(t('status.outbox.tries'), columns('target', 'minute', 'total'));
  const files = new Table(t('status.outbox.files'), columns('what', 'now', 'limit'));
  return {
    element: section(
      'outbox',
      t('status.outbox.title'),
      t('status.outbox.note'),
      targets.element,
      tries.element,
      files.element,
    ),
    update(h) {
      const marks = {};
      targets.fill(
        h.series(names.outboxItems).map(({labels: l, value}) => {
          const target = {target: l.get('target')};
          const [failed, oldest] = [h.value(names.outboxFailed, target), h.value(names.outboxOldest, target)];
          if (failed > 0) marks[l.get('target')] = 'bad';
          else if (oldest > 900) marks[l.get('target')] = 'warn';
          return [l.get('target'), f.count(value), f.span(oldest), f.count(failed)];
        }),
        marks,
      );
      tries.fill(
        h
          .series(names.deliveries)
          .map((s) => [
            `${s.labels.get('target')}: ${word('outcome', s.labels.get('outcome'))}`,
            ...by(h, names.deliveries, f)(s),
          ]),
      );
      const damaged = h.value(names.outboxDamaged);
      const full = h.value(names.outboxBytes) > 0.8 * h.value(names.outboxLimit);
      const [size, broken] = [t('status.outbox.bytes'), t('status.outbox.damaged')];
      files.fill(
        [
          [size, f.bytes(h.value(names.outboxBytes)), f.bytes(h.value(names.outboxLimit))],
          [broken, f.count(damaged), ''],
        ],
        {
          [size]: full ? 'bad' : '',
          [broken]: damaged > 0 ? 'bad' : '',
        },
      );
      return h.has(names.outboxBytes);
    },
  };
}

// ordinary are the results that are shown though there were none of them yet.
const ordinary = new Set(['0000', 'taken', 'released']);
const toShow = (label) => (s) => s.value > 0 || ordinary.has(s.labels.get(label));

export function dicom(f) {
  const films = new Table(t('status.dicom.films'), columns('result', 'minute', 'total'));
  const associations = new Table(t('status.dicom.associations'), columns('what', 'minute', 'total'));
  const now = new Table(t('status.dicom.now'), columns('what', 'now', 'limit'));
  return {
    element: section('dicom', t('status.dicom.title'), '', films.element, associations.element, now.element),
    update(h) {
      films.fill(
        h
          .series(names.films)
          .filter(toShow('result'))
          .map((s) => {
            const [way, result] = [s.labels.get('way'), s.labels.get('result')];
            return [`${word('way', way)}: ${word('result', result)}`, ...by(h, names.films, f)(s)];
          }),
      );
      const ends = h.series(names.associations).filter(toShow('ending'));
      associations.fill(ends.map((s) => [word('ending', s.labels.get('ending')), ...by(h, names.associations, f)(s)]));
      show(associations.element, h.has(names.associationsOpen));
      now.fill([
        [t('status.dicom.open'), f.count(h.value(names.associationsOpen)), ''],
        [t('status.dicom.buffer'), f.bytes(h.value(names.dicomBuffer)), f.bytes(h.value(names.dicomBufferLimit))],
      ]);
      show(now.element, h.has(names.associationsOpen));
      return h.has(names.films);
    },
  };
}
