import { render } from 'preact';
import { loadSession } from './api/session';
import { App } from './app';
import { loadLanguage } from './i18n';

/* A file that misses its place would be opened in place of the page, and what was typed lost. */
for (const kind of ['dragover', 'drop'] as const) {
  window.addEventListener(kind, (e) => {
    if (!e.dataTransfer?.types.includes('Files') || e.defaultPrevented) return;
    e.preventDefault();
    e.dataTransfer.dropEffect = 'none';
  });
}

async function start() {
  await Promise.all([loadLanguage(), loadSession()]);
  const root = document.getElementById('app');
  if (root) render(<App />, root);
}

void start();
