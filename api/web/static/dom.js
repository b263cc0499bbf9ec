// Elements are made here and nowhere else: text from outside only ever becomes a text node or an attribute's value.

/**
 * @param {string} tag
 * @param {Record<string, string|number|boolean|null|undefined|Record<string, (event: any) => void>>} [props] attributes; `on` has listeners
 * @param {...(Node|string|null|undefined|false)} children strings become text nodes
 * @returns {HTMLElement}
 */
export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/**
 * @param {string} id
 * @returns {any} the element, which index.html has
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Puts children in the place of a node's own.
 * @param {Element} node
 * @param {...(Node|string|null|undefined|false)} children
 */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((c) => c !== null && c !== undefined && c !== false));
}

// A region that scrolls is a stop for Tab, and one that does not is none.
const reach = globalThis.ResizeObserver && new ResizeObserver((entries) => {
  for (const {target: r} of entries) r.tabIndex = r.scrollWidth > r.clientWidth || r.scrollHeight > r.clientHeight ? 0 : -1;
});

/**
 * A table with a header row, whose first column heads its rows. It can be scrolled by keyboard.
 * @param {string} caption
 * @param {string[]} head
 * @param {(string|Node)[][]} rows
 * @returns {HTMLElement}
 */
export function table(caption, head, rows) {
  return scroller(el('table', {},
    el('caption', {class: 'unseen'}, caption),
    el('thead', {}, el('tr', {}, ...head.map((h) => el('th', {scope: 'col'}, h)))),
    el('tbody', {}, ...rows.map(([first, ...rest]) => el('tr', {}, el('th', {scope: 'row'}, first), ...rest.map((c) => el('td', {}, c)))))), caption);
}

/**
 * @param {Node} content
 * @param {string} name
 * @returns {HTMLElement} a frame in which wide or long content can be scrolled, by keyboard as well
 */
export function scroller(content, name) {
  const frame = el('div', {class: 'scroll', role: 'group', 'aria-label': name}, content);
  reach?.observe(frame);
  return frame;
}

/**
 * A file's name as it can be shown: control characters and those that change the direction of writing would let it say something else.
 * @param {string} name
 * @returns {string}
 */
export function shownName(name) {
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, '\ufffd');
}
