import { render } from 'preact';
import { loadSession } from './api/session';
import { App } from './app';
import { loadLanguage } from './i18n';

async function start() {
  await Promise.all([loadLanguage(), loadSession()]);
  const root = document.getElementById('app');
  if (root) render(<App />, root);
}

void start();
