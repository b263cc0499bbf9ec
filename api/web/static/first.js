// Shows the page before its scripts are fetched: they are some twenty files.
const painted = new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
const late = new Promise((done) => setTimeout(done, 300)); // a page in the background paints nothing
await Promise.race([painted, late]);
await import('./main.js');
