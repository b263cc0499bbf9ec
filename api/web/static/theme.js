// Dark unless light was chosen, before anything is painted.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem('spikeray.theme');
  } catch { /* a browser that keeps nothing */ }
  document.documentElement.dataset.theme = theme === 'light' ? 'light' : 'dark';
})();
