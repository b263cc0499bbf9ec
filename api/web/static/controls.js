// What belongs to the page and to no film: language, theme, the model's card, the key.
import {address, keyed, useKey} from './client.js';
import {byId, fill} from './dom.js';
import {choose, speak, t} from './i18n.js';
import {renderMarkdown} from './markdown.js';

/** Languages that have a file, each by its own name. */
let languages = {en: 'English'};

/**
 * @param {{language: () => void}} changed called when the texts are another language's
 */
export async function startControls(changed) {
  languages = await fetch('web/languages.json').then((a) => (a.ok ? a.json() : languages), () => languages);
  const select = byId('language');
  select.replaceChildren(...Object.entries(languages).map(([tag, name]) => {
    const option = new Option(name, tag);
    option.lang = tag;
    return option;
  }));
  const asked = new URLSearchParams(location.search).get('lang');
  const wanted = choose([asked, recall('lang'), ...navigator.languages].filter(Boolean), Object.keys(languages));
  await speak(wanted);
  select.value = wanted;
  select.addEventListener('change', async () => {
    await speak(select.value);
    keep('lang', select.value);
    history.replaceState(null, '', address('.', {...Object.fromEntries(new URLSearchParams(location.search)), lang: select.value}));
    nameTheme();
    changed.language();
  });
  byId('theme').addEventListener('click', () => {
    const {dataset} = document.documentElement;
    dataset.theme = dataset.theme === 'light' ? 'dark' : 'light';
    keep('theme', dataset.theme);
    nameTheme();
  });
  nameTheme();
  byId('card-close').addEventListener('click', () => byId('card').close());
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  }
}

function nameTheme() {
  byId('theme').textContent = t(document.documentElement.dataset.theme === 'light' ? 'theme.dark' : 'theme.light');
}

function keep(name, value) {
  try {
    localStorage.setItem(`spikeray.${name}`, value);
  } catch { /* a browser that keeps nothing */ }
}

function recall(name) {
  try {
    return localStorage.getItem(`spikeray.${name}`);
  } catch {
    return null;
  }
}

/**
 * @param {any} model its document
 */
export function showCard(model) {
  byId('card-title').textContent = t('card.of', {name: model.name, version: model.version});
  if (model.card) fill(byId('card-body'), renderMarkdown(model.card, 1));
  else byId('card-body').textContent = t('card.none');
  byId('card').showModal();
  byId('card-body').scrollTop = 0;
}

/**
 * @param {() => void} use called when there is a key
 * @param {() => void} cancelled
 */
export function askForKey(use, cancelled) {
  const dialog = byId('key-dialog');
  byId('key').value = '';
  byId('key-says').textContent = [keyed() && t('key.wrong'), t('key.says')].filter(Boolean).join(' ');
  byId('key-form').onsubmit = (event) => {
    event.preventDefault();
    useKey(byId('key').value.trim());
    byId('key').value = '';
    dialog.onclose = null;
    dialog.close();
    use();
  };
  byId('key-cancel').onclick = () => dialog.close();
  dialog.onclose = cancelled;
  dialog.showModal();
}

/**
 * Copies an element's text, or selects it where the browser allows no more.
 * @param {HTMLElement} from
 * @param {HTMLElement} said where the outcome is said
 */
export async function copyText(from, said) {
  try {
    await navigator.clipboard.writeText(from.textContent);
    said.textContent = t('curl.copied');
  } catch {
    getSelection().selectAllChildren(from);
    said.textContent = t('curl.selected');
  }
  said.setAttribute('role', 'status');
}
