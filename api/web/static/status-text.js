// Texts in the language of whoever looks.
const languages = { en: 'English', de: 'Deutsch', zh: '中文' };
let chosen = 'en';

export const language = () => chosen;

export async function text() {
  const asked = [new URLSearchParams(location.search).get('lang'), ...navigator.languages].filter(Boolean);
  chosen = asked.map((l) => l.toLowerCase().split('-')[0]).find((l) => l in languages) ?? 'en';
  document.documentElement.lang = chosen;
  const texts = await (await fetch(new URL(`locale/${chosen}.json`, import.meta.url))).json();
  return (key, values = {}, otherwise = key) => (texts[key] ?? otherwise).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function chooser(t) {
  const select = document.createElement('select');
  select.setAttribute('aria-label', t('status.language'));
  for (const [code, name] of Object.entries(languages)) {
    const option = new Option(name, code, code === chosen, code === chosen);
    option.lang = code;
    select.append(option);
  }
  select.addEventListener('change', () => location.assign(`?lang=${encodeURIComponent(select.value)}`));
  return select;
}
