// A model's card: the part of Markdown that cards use, as nodes. HTML in it is text like any other, and a link that is not to a web
// page is text.
import {el} from './dom.js';

const MOST = 256 * 1024;

/**
 * @typedef {object} Inline
 * @property {'text'|'code'|'strong'|'em'|'link'} type
 * @property {string} text
 * @property {string} [href] of a link, http or https
 */

/**
 * @typedef {object} Block
 * @property {'heading'|'paragraph'|'list'|'table'|'code'|'quote'} type
 * @property {number} [level] of a heading
 * @property {boolean} [ordered]
 * @property {Inline[]} [inline]
 * @property {Inline[][]} [items] of a list
 * @property {Inline[][][]} [rows] of a table, the first is its head
 * @property {string} [text] of code
 */

/**
 * @param {string} text
 * @returns {Block[]}
 */
export function parseMarkdown(text) {
  const lines = text.slice(0, MOST).split(/\r?\n/);
  const blocks = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    const heading = /^(#{1,6}) +(.*)$/.exec(line);
    if (line.trim() === '') {
      i++;
    } else if (/^ {0,3}```/.test(line)) {
      const code = [];
      for (i++; i < lines.length && !/^ {0,3}```/.test(lines[i]); i++) code.push(lines[i]);
      i++;
      blocks.push({type: 'code', text: code.join('\n')});
    } else if (heading) {
      blocks.push({type: 'heading', level: heading[1].length, inline: parseInline(heading[2].replace(/ +#+ *$/, ''))});
      i++;
    } else if (line.startsWith('|') && /^\|[ :|-]+\|? *$/.test(lines[i + 1] ?? '')) {
      const rows = [cellsOf(line)];
      for (i += 2; i < lines.length && lines[i].startsWith('|'); i++) rows.push(cellsOf(lines[i]));
      blocks.push({type: 'table', rows});
    } else if (itemOf(line)) {
      const {ordered} = itemOf(line);
      const items = [];
      for (; i < lines.length && lines[i].trim() !== ''; i++) {
        const item = itemOf(lines[i]);
        if (item && item.ordered === ordered) items.push(item.text);
        else if (item || startsBlock(lines[i])) break;
        else items[items.length - 1] += ` ${lines[i].trim()}`;
      }
      blocks.push({type: 'list', ordered, items: items.map(parseInline)});
    } else if (line.startsWith('>')) {
      const said = [];
      for (; i < lines.length && lines[i].startsWith('>'); i++) said.push(lines[i].slice(1).trim());
      blocks.push({type: 'quote', inline: parseInline(said.join(' '))});
    } else {
      const said = [line.trim()];
      for (i++; i < lines.length && lines[i].trim() !== '' && !startsBlock(lines[i]) && !itemOf(lines[i]); i++) said.push(lines[i].trim());
      blocks.push({type: 'paragraph', inline: parseInline(said.join(' '))});
    }
  }
  return blocks;
}

function startsBlock(line) {
  return /^(#{1,6} | {0,3}```|>|\|)/.test(line);
}

function itemOf(line) {
  const item = /^ *(?:([-*+])|(\d{1,9})[.)]) +(.*)$/.exec(line);
  return item && {ordered: item[1] === undefined, text: item[3]};
}

function cellsOf(line) {
  const cells = [];
  let cell = '';
  const inner = line.trim().replace(/^\|/, '').replace(/\|$/, '');
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] === '\\' && inner[i + 1] === '|') cell += inner[++i];
    else if (inner[i] === '|') cells.push(cell), cell = '';
    else cell += inner[i];
  }
  return [...cells, cell].map((c) => parseInline(c.trim()));
}

/**
 * @param {string} text
 * @returns {Inline[]} what is not closed is text
 */
export function parseInline(text) {
  const out = [];
  let plain = '';
  const push = (...nodes) => {
    if (plain) out.push({type: 'text', text: plain});
    plain = '';
    out.push(...nodes);
  };
  for (let i = 0; i < text.length;) {
    const closed = (mark) => {
      const end = text.startsWith(mark, i) ? text.indexOf(mark, i + mark.length) : -1;
      return end > i + mark.length ? text.slice(i + mark.length, end) : null;
    };
    const code = closed('`');
    const strong = code === null ? closed('**') : null;
    const em = code === null && strong === null && !text.startsWith('**', i) ? closed('*') : null;
    const link = text[i] === '[' ? linkAt(text, i) : null;
    if (code !== null) {
      push({type: 'code', text: code});
      i += code.length + 2;
    } else if (strong !== null) {
      push({type: 'strong', text: strong});
      i += strong.length + 4;
    } else if (em !== null && !/^\s|\s$/.test(em)) {
      push({type: 'em', text: em});
      i += em.length + 2;
    } else if (link) {
      if (/^https?:\/\//i.test(link.href)) push({type: 'link', text: link.text.replace(/[`*]/g, ''), href: link.href});
      else push(...parseInline(link.text));
      i = link.end;
    } else {
      if (text[i] === '\\' && /[\\`*_{}[\]()#+.!|<>-]/.test(text[i + 1] ?? '')) i++;
      plain += text[i++];
    }
  }
  if (plain) out.push({type: 'text', text: plain});
  return out;
}

function linkAt(text, i) {
  const middle = text.indexOf('](', i);
  const end = middle < 0 ? -1 : text.indexOf(')', middle);
  const words = text.slice(i + 1, middle);
  if (end < 0 || words.includes('[')) return null;
  return {text: words, href: text.slice(middle + 2, end).trim(), end: end + 1};
}

/**
 * @param {string} text
 * @param {number} below the level of the heading that it stands under
 * @returns {DocumentFragment}
 */
export function renderMarkdown(text, below) {
  const out = document.createDocumentFragment();
  out.append(...parseMarkdown(text).map((block) => blockNode(block, below)));
  return out;
}

function blockNode(block, below) {
  switch (block.type) {
    case 'heading': return el(`h${Math.min(6, block.level + below)}`, {}, ...block.inline.map(inlineNode));
    case 'list': return el(block.ordered ? 'ol' : 'ul', {}, ...block.items.map((item) => el('li', {}, ...item.map(inlineNode))));
    case 'code': return el('pre', {tabindex: 0}, el('code', {}, block.text));
    case 'quote': return el('blockquote', {}, ...block.inline.map(inlineNode));
    case 'table': {
      const [head, ...rows] = block.rows;
      // An empty cell heads nothing.
      const cells = (tag, row, props) => row.map((cell) => (cell.length ? el(tag, props, ...cell.map(inlineNode)) : el('td', {})));
      return el('div', {class: 'scroll'}, el('table', {},
        head.some((cell) => cell.length > 0) && el('thead', {}, el('tr', {}, ...cells('th', head, {scope: 'col'}))),
        el('tbody', {}, ...rows.map((row) => el('tr', {}, ...cells('td', row))))));
    }
    default: return el('p', {}, ...block.inline.map(inlineNode));
  }
}

function inlineNode(node) {
  switch (node.type) {
    case 'text': return node.text;
    case 'link': return el('a', {href: node.href, rel: 'noopener noreferrer', target: '_blank'}, node.text);
    default: return el(node.type, {}, node.text);
  }
}
