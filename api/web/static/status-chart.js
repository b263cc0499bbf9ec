// Lines over time on a canvas. What they show stands in a table beside it.
import {el} from './dom.js';

const height = 130;
const edge = {left: 4, right: 4, top: 8, bottom: 16};
// Lines differ in dashes as well as in colour.
const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]];

/** Chart draws up to five lines over the time that is kept. */
export class Chart {
  #canvas = el('canvas', {role: 'img', height});
  #key = el('figcaption');
  #drawn = null;

  /** lines are the names of the lines; unit writes a value of theirs, of which binary ones are counted in powers of 1024. */
  constructor(title, lines, unit, binary = false) {
    this.title = title;
    this.unit = unit;
    this.binary = binary;
    lines.forEach((name, i) => {
      const sample = el('canvas', {width: 28, height: 10, 'aria-hidden': 'true'});
      this.#key.append(el('span', {}, sample, ` ${name}`));
      this.samples = [...(this.samples ?? []), [sample, i]];
    });
    this.element = el('figure', {}, this.#canvas, this.#key);
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  /** show draws values, an array a line, at these times in milliseconds; summary is what a screen reader says. */
  show(times, gaps, values, summary) {
    this.#drawn = {times, gaps, values};
    this.#canvas.setAttribute('aria-label', `${this.title}. ${summary}`);
    this.#draw();
  }

  // The colours are the style sheet's, so that light, dark and forced colours are its matter.
  #colour(name) {
    return getComputedStyle(this.element).getPropertyValue(name).trim() || 'currentColor';
  }

  #draw() {
    const width = this.#canvas.clientWidth;
    if (!this.#drawn || !width) return;
    const {times, gaps, values} = this.#drawn;
    const g = scaled(this.#canvas, width, height);
    const top = niceTop(Math.max(0, ...values.flat().filter(Number.isFinite)), this.binary);
    const [x0, x1, y0, y1] = [edge.left, width - edge.right, height - edge.bottom, edge.top];
    const ink = this.#colour('--quiet');
    g.font = '11px system-ui, sans-serif';
    g.fillStyle = ink;
    g.strokeStyle = this.#colour('--line');
    g.lineWidth = 1;
    for (const share of [0, 0.5, 1]) {
      const y = Math.round(y0 + (y1 - y0) * share) + 0.5;
      g.beginPath();
      g.moveTo(x0, y);
      g.lineTo(x1, y);
      g.stroke();
    }
    const end = times.at(-1);
    const span = Math.max(60_000, end - times[0]);
    values.forEach((line, i) => {
      g.strokeStyle = this.#colour(`--line-${i + 1}`);
      g.setLineDash(dashes[i]);
      g.lineWidth = 1.75;
      g.beginPath();
      let joined = false;
      line.forEach((v, at) => {
        if (Number.isFinite(v)) {
          const x = x1 - ((end - times[at]) / span) * (x1 - x0);
          const y = y0 + (y1 - y0) * Math.min(v / top, 1);
          if (joined) g.lineTo(x, y);
          else g.moveTo(x, y);
        }
        joined = Number.isFinite(v) && !gaps[at];
      });
      g.stroke();
    });
    g.setLineDash([]);
    g.textAlign = 'left';
    g.textBaseline = 'top';
    g.fillText(this.unit(top), x0, y1 + 2);
    g.textBaseline = 'bottom';
    g.fillText(`−${Math.round(span / 1000)} s`, x0, height - 1);
    g.textAlign = 'right';
    g.fillText('0 s', x1, height - 1);
    for (const [sample, i] of this.samples) this.#drawSample(sample, i);
  }

  #drawSample(sample, i) {
    const g = scaled(sample, 28, 10);
    g.strokeStyle = this.#colour(`--line-${i + 1}`);
    g.setLineDash(dashes[i]);
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(1, 5);
    g.lineTo(27, 5);
    g.stroke();
  }
}

// scaled gives a cleared canvas of that many CSS pixels at the screen's density.
function scaled(canvas, width, height) {
  const density = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, {width: w, height: h});
  const g = canvas.getContext('2d');
  g.setTransform(density, 0, 0, density, 0, 0);
  g.clearRect(0, 0, width, height);
  return g;
}

// niceTop is the next of 1, 2 and 5 times a power of ten; of binary values, of a power of ten of the largest unit below.
export function niceTop(most, binary = false) {
  if (!(most > 0)) return 1;
  const unit = binary ? 1024 ** Math.max(0, Math.floor(Math.log2(most) / 10)) : 1;
  const power = 10 ** Math.floor(Math.log10(most / unit)) * unit;
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most * 0.999999);
}
