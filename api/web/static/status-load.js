// The sections of the status page that every server has: what comes in, how long it takes, what it costs.
import {el} from './dom.js';
import {has, t} from './i18n.js';
import {names} from './status-names.js';
import {quantile} from './status-prometheus.js';
import {Chart} from './status-chart.js';
import {Table, section, show} from './status-view.js';

// A section is {element, update(history)}; update returns whether there is anything to show.
// word gives the text of a label's value: that of the language, or the value itself.
export function word(group, value) {
  const key = `status.${group}.${value}`;
  return has(key) ? t(key) : value;
}

// told is what a chart's line did, for who cannot see it.
function told(unit, lines) {
  return lines
    .map(([name, values]) => {
      const known = values.filter(Number.isFinite);
      return known.length
        ? t('status.chart.line', {
            name,
            now: unit(values.at(-1)),
            low: unit(Math.min(...known)),
            high: unit(Math.max(...known)),
          })
        : t('status.chart.none', {name});
    })
    .join(' ');
}

function drawn(unit, history, chart, lines) {
  chart.show(
    history.times,
    history.gaps,
    lines.map(([, values]) => values),
    told(unit, lines),
  );
}

const highest = (values) => Math.max(...values.filter(Number.isFinite));

export function queue(f) {
  const labels = [t('status.queue.depth'), t('status.queue.busy')];
  const chart = new Chart(t('status.queue.chart'), labels, f.few);
  const table = new Table(
    t('status.queue.table'),
    ['what', 'now', 'highest', 'limit'].map((k) => t(`status.column.${k}`)),
  );
  return {
    element: section('queue', t('status.queue.title'), t('status.queue.note'), chart.element, table.element),
    update(h) {
      const [depth, batch, busy, waiting] = [names.queueDepth, names.batchDepth, names.workersBusy, names.backlog].map((n) => h.line(n));
      drawn(f.few, h, chart, [
        [labels[0], depth],
        [labels[1], busy],
      ]);
      table.fill([
        [labels[0], f.count(depth.at(-1)), f.count(highest(depth)), f.count(h.value(names.queueCapacity))],
        [t('status.queue.batch'), f.count(batch.at(-1)), f.count(highest(batch)), ''],
        [labels[1], f.count(busy.at(-1)), f.count(highest(busy)), f.count(h.value(names.workers))],
        [t('status.queue.backlog'), f.seconds(waiting.at(-1)), f.seconds(highest(waiting)), ''],
      ]);
      return h.has(names.queueDepth);
    },
  };
}

export function requests(f) {
  const labels = ['answered', 'refused', 'failed'].map((k) => t(`status.requests.${k}`));
  const chart = new Chart(t('status.requests.chart'), labels, f.rate);
  const columns = ['rate', 'minute', 'total'].map((k) => t(`status.column.${k}`));
  const byCode = new Table(t('status.requests.codes'), [t('status.column.code'), ...columns]);
  const byRoute = new Table(t('status.requests.routes'), [t('status.column.route'), ...columns]);
  const classOf = (code) => (code < 400 ? 0 : code < 500 || code === '503' ? 1 : 2);
  const nameOf = (code) => (has(`status.code.${code}`) ? `${code} ${word('code', code)}` : code);
  return {
    element: section(
      'requests',
      t('status.requests.title'),
      t('status.requests.note'),
      chart.element,
      byCode.element,
      byRoute.element,
    ),
    update(h) {
      const row = (name, where) => {
        const {by, seconds} = h.increase(names.requests, where);
        return [name, f.rate(by / seconds), f.count(by), f.count(h.value(names.requests, where))];
      };
      const seen = h.series(names.requests).map((s) => Object.fromEntries(s.labels));
      const codes = [...new Set(seen.map((l) => l.code))].sort();
      byCode.fill(
        codes.map((code) => row(nameOf(code), {code})),
        Object.fromEntries(codes.map((c) => [nameOf(c), ['', 'warn', 'bad'][classOf(c)]])),
      );
      const routes = new Map(seen.map(({method, route}) => [`${method} ${route}`, {method, route}]));
      byRoute.fill([...routes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, where]) => row(name, where)));
      const lines = labels.map((name, i) => {
        const sum = new Array(h.length).fill(0);
        for (const code of codes)
          if (classOf(code) === i) h.rates(names.requests, {code}).forEach((v, at) => (sum[at] += v || 0));
        sum[0] = NaN; // one scrape makes no rate
        return [name, sum];
      });
      drawn(f.rate, h, chart, lines);
      return true;
    },
  };
}

const stages = ['queue', 'decode', 'prepare', 'infer', 'total'];
const quantiles = [0.5, 0.9, 0.99];

export function latency(f) {
  const labels = quantiles.map((q) => t('status.latency.quantile', {share: f.share(q)}));
  const chart = new Chart(t('status.latency.chart'), labels, f.seconds);
  const table = new Table(t('status.latency.table'), [
    t('status.column.stage'),
    ...labels,
    t('status.column.mean'),
    t('status.column.pictures'),
  ]);
  return {
    element: section('latency', t('status.latency.title'), t('status.latency.note'), chart.element, table.element),
    update(h) {
      const total = {stage: 'total'};
      const all = h.times.map((_, at) => h.buckets(names.stages, total, at));
      drawn(
        f.seconds,
        h,
        chart,
        quantiles.map((q, i) => [labels[i], all.map((b) => quantile(q, b))]),
      );
      table.fill(
        stages.map((stage) => {
          const buckets = h.buckets(names.stages, {stage});
          const [sum, count] = ['_sum', '_count'].map((end) => h.increase(names.stages + end, {stage}).by);
          return [
            word('stage', stage),
            ...quantiles.map((q) => f.seconds(quantile(q, buckets))),
            f.seconds(sum / count),
            f.count(count),
          ];
        }),
      );
      return true;
    },
  };
}

export function memory(f) {
  const labels = ['resident', 'pictures', 'uploads'].map((k) => t(`status.memory.${k}`));
  const chart = new Chart(t('status.memory.chart'), labels, f.bytes, true);
  const table = new Table(
    t('status.memory.table'),
    ['what', 'now', 'highest', 'limit'].map((k) => t(`status.column.${k}`)),
  );
  const rows = [
    [labels[0], names.resident, null, f.bytes],
    [labels[1], names.pictureMemory, names.pictureMemoryLimit, f.bytes],
    [labels[2], names.uploads, names.uploadsLimit, f.bytes],
    [t('status.memory.heap'), names.heap, null, f.bytes],
    [t('status.memory.connections'), names.connections, names.connectionsLimit, f.count],
    [t('status.memory.files'), names.openFiles, names.openFilesLimit, f.count],
    [t('status.memory.goroutines'), names.goroutines, null, f.count],
  ];
  return {
    element: section('memory', t('status.memory.title'), '', chart.element, table.element),
    update(h) {
      drawn(
        f.bytes,
        h,
        chart,
        rows.slice(0, 3).map(([label, name]) => [label, h.line(name)]),
      );
      // A limit of 0 is none.
      const limit = (name, unit) => (name && h.value(name) ? unit(h.value(name)) : '');
      const marks = {};
      for (const [label, name, max] of rows)
        if (max && h.value(max) > 0 && h.value(name) > 0.8 * h.value(max)) marks[label] = 'warn';
      table.fill(
        rows.map(([label, name, max, unit]) => [label, unit(h.value(name)), unit(highest(h.line(name))), limit(max, unit)]),
        marks,
      );
      return true;
    },
  };
}

// answers are how many pictures a model answered, in the last minute and since the start.
function answers(h, model) {
  const both = [names.predictions, names.undecided];
  const sum = (values) => values.reduce((a, b) => a + (Number.isNaN(b) ? 0 : b), 0);
  return {minute: sum(both.map((n) => h.increase(n, {model}).by)), total: sum(both.map((n) => h.value(n, {model})))};
}

export function models(f) {
  const columns = ['model', 'version', 'backend', 'calibration', 'digest', 'minute', 'total'].map((k) =>
    t(`status.column.${k}`),
  );
  const table = new Table(t('status.models.table'), columns, [1, 2, 3, 4]);
  return {
    element: section('models', t('status.models.title'), '', table.element),
    update(h) {
      const rows = h.series(names.model).map(({labels: l}) => {
        const model = l.get('model');
        const site = h.series(names.calibration, {model})[0]?.labels;
        const {minute, total} = answers(h, model);
        const name = l.get('default') === 'true' ? t('status.models.default', {model}) : model;
        const place = site
          ? t('status.models.site', {
              place: site.get('place'),
              made: site.get('made').slice(0, 10),
              pictures: site.get('pictures'),
            })
          : t('status.models.own');
        const backend = `${l.get('backend')} (${l.get('kernel')})`;
        return [
          name,
          l.get('version'),
          backend,
          place,
          l.get('digest').replace('sha256:', '').slice(0, 12),
          f.count(minute),
          f.count(total),
          l.get('default'),
        ];
      });
      rows.sort((a, b) => (a[7] === b[7] ? (a[0] < b[0] ? -1 : 1) : a[7] === 'true' ? -1 : 1));
      table.fill(rows.map((r) => r.slice(0, 7)));
      return rows.length > 0;
    },
  };
}

export function spikes(f) {
  const columns = ['model', 'spikes', 'operations', 'spikesAll', 'operationsAll'].map((k) => t(`status.column.${k}`));
  const label = t('status.spikes.line');
  const chart = new Chart(t('status.spikes.chart'), [label], f.big);
  const table = new Table(t('status.spikes.table'), columns);
  return {
    element: section('spikes', t('status.spikes.title'), t('status.spikes.note'), chart.element, table.element),
    update(h) {
      drawn(f.big, h, chart, [[label, h.rates(names.operations)]]);
      const rows = h
        .series(names.spikes)
        .filter((s) => s.value > 0)
        .map(({labels: l}) => {
          const model = l.get('model');
          const {minute, total} = answers(h, model);
          const both = [names.spikes, names.operations];
          return [
            model,
            ...both.map((n) => f.big(h.increase(n, {model}).by / minute)),
            ...both.map((n) => f.big(h.value(n, {model}) / total)),
          ];
        });
      table.fill(rows);
      return rows.length > 0;
    },
  };
}

export function refused(f) {
  const tables = [
    [names.rejections, 'rejections', 'reason', (l) => word('reason', l.get('reason'))],
    [names.failures, 'failures', 'problem', (l) => `${l.get('model') || '–'}: ${word('problem', l.get('problem'))}`],
    [names.flagged, 'flagged', 'reason', (l) => `${l.get('model')}: ${word('gate', l.get('reason'))}`],
  ].map(([name, title, column, rowOf]) => ({
    name,
    rowOf,
    table: new Table(
      t(`status.refused.${title}`),
      [column, 'minute', 'total'].map((k) => t(`status.column.${k}`)),
    ),
  }));
  const nothing = el('p', {}, t('status.refused.nothing'));
  return {
    element: section(
      'refused',
      t('status.refused.title'),
      t('status.refused.note'),
      nothing,
      ...tables.map((x) => x.table.element),
    ),
    update(h) {
      let any = false;
      for (const {name, rowOf, table} of tables) {
        const rows = h
          .series(name)
          .filter((s) => s.value > 0)
          .map(({labels, value}) => [
            rowOf(labels),
            f.count(h.increase(name, Object.fromEntries(labels)).by),
            f.count(value),
          ]);
        table.fill(rows);
        show(table.element, rows.length > 0);
        any ||= rows.length > 0;
      }
      show(nothing, !any);
      return true;
    },
  };
}

export function faults(f) {
  const rows = [names.panics, names.acceptErrors, names.evicted, names.logDropped, names.logSampledOut];
  const table = new Table(
    t('status.faults.table'),
    ['what', 'minute', 'total'].map((k) => t(`status.column.${k}`)),
  );
  return {
    element: section('faults', t('status.faults.title'), '', table.element),
    update(h) {
      const texts = rows.map((name, i) => [t(`status.faults.${i}`), f.count(h.increase(name).by), f.count(h.value(name))]);
      const marks = {};
      rows.forEach((name, i) => {
        if (h.value(name) > 0) marks[texts[i][0]] = i === 0 ? 'bad' : 'warn';
      });
      table.fill(texts, marks);
      return true;
    },
  };
}
