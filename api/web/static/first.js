// What works before the modules are there: the theme, before anything is painted, and what a person may do at once. They are some
// twenty files, so a page that names its module in data-main is shown before they are fetched.
(() => {
  const root = document.documentElement;
  const {main} = document.currentScript.dataset;
  const byId = (id) => document.getElementById(id);
  let theme = null;
  try {
    theme = localStorage.getItem('spikeray.theme');
  } catch { /* a browser that keeps nothing */ }
  root.dataset.theme = theme === 'light' ? 'light' : 'dark';

  // On the way down, so that listeners of the buttons themselves find the theme changed.
  addEventListener('click', ({target}) => {
    if (target.closest('#choose')) byId('files').click();
    if (!target.closest('#theme')) return;
    root.dataset.theme = root.dataset.theme === 'light' ? 'dark' : 'light';
    try {
      localStorage.setItem('spikeray.theme', root.dataset.theme);
    } catch { /* a browser that keeps nothing */ }
  }, true);

  // Films that nobody takes yet wait in the field of files, where intake.js finds them.
  const keep = (event, files) => {
    if (event.defaultPrevented || !files?.length || !byId('files')) return;
    event.preventDefault(); // else the browser would open the file
    byId('files').files = files;
  };
  addEventListener('dragover', (event) => {
    if (byId('files') && event.dataTransfer?.types.includes('Files')) event.preventDefault();
  });
  addEventListener('drop', (event) => keep(event, event.dataTransfer?.files));
  addEventListener('paste', (event) => keep(event, event.clipboardData?.files));

  if (!main) return;
  addEventListener('DOMContentLoaded', async () => {
    const painted = new Promise((done) => new PerformanceObserver((seen) => {
      if (seen.getEntriesByName('first-contentful-paint').length) done(); // the ground alone may come before
    }).observe({type: 'paint', buffered: true}));
    const late = new Promise((done) => setTimeout(done, 1000)); // a page in the background paints nothing
    await Promise.race([painted, late]);
    try {
      await import(new URL(main, document.baseURI).href);
    } catch {
      byId('banner').hidden = false;
      byId('banner-text').textContent = 'The page could not be loaded whole. Load it again.'; // there may be no texts to take another from
      byId('banner-retry').hidden = true;
    }
  });
})();
