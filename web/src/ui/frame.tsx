/* Navigation, what everybody must know whatever they look at, and the page. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { LogOut, Menu } from 'lucide-preact';
import { reachable } from '../api/alive';
import type { ApiError } from '../api/client';
import { live } from '../api/live';
import { logOut, may, session } from '../api/session';
import { type Key, t } from '../i18n';
import { PAGES, type PageRow } from '../pages';
import { Banner, Facts } from './basics';
import { Dialog } from './dialog';
import { toast } from './toasts';

const SECTIONS: [PageRow['section'], Key][] = [['fleet', 'nav.fleet'], ['server', 'nav.server'], ['own', 'nav.own']];

const isHere = (row: PageRow, path: string) => (row.path === '/' ? path === '/' : path === row.path || path.startsWith(row.path + '/'));

function Navigation({ done }: { done: () => void }) {
  const { path } = useLocation();
  return (
    <nav aria-label={t('nav.label')} id="navigation">
      {SECTIONS.map(([section, name]) => {
        const rows = PAGES.filter((row) => row.section === section && row.name && may(row.role));
        if (rows.length === 0) return null;
        return (
          <div key={section}>
            <h2>{t(name)}</h2>
            <ul>
              {rows.map((row) => (
                <li key={row.path}>
                  <a href={row.path} aria-current={isHere(row, path) ? 'page' : undefined} onClick={done}>
                    {row.icon && <row.icon size={18} aria-hidden="true" />}
                    {row.name && t(row.name)}
                  </a>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}

/* Of a session that has ended by itself the dialog tells. */
function stillIn(e: ApiError) {
  if (e.status !== 401) toast(t('log-out-failed'), 'bad');
}

const typing = (e: KeyboardEvent) => e.target instanceof HTMLElement && e.target.closest('input, textarea, select, [contenteditable], dialog') !== null;

/* "/" finds, "g" and a letter goes, "?" tells. */
function useKeys(help: () => void) {
  const { route } = useLocation();
  const going = useRef(0);
  useEffect(() => {
    const pressed = (e: KeyboardEvent) => {
      if (typing(e) || e.ctrlKey || e.metaKey || e.altKey) return;
      const goes = Date.now() - going.current < 1500;
      going.current = 0;
      const page = goes ? PAGES.find((row) => row.letter === e.key && may(row.role)) : undefined;
      if (page) route(page.path);
      else if (e.key === 'g') going.current = Date.now();
      else if (e.key === '?') help();
      else if (e.key === '/') document.querySelector<HTMLInputElement>('input[type=search]')?.focus();
      else return;
      e.preventDefault();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, [route, help]);
}

function Keys({ close }: { close: () => void }) {
  const pages = PAGES.filter((row) => row.letter && row.name && may(row.role));
  return (
    <Dialog title={t('keys.title')} close={close}>
      <Facts
        rows={[
          [<kbd>/</kbd>, t('keys.find')],
          [<kbd>?</kbd>, t('keys.title')],
          ...pages.map((row): [ComponentChildren, ComponentChildren] => [<><kbd>g</kbd> <kbd>{row.letter}</kbd></>, row.name && t(row.name)]),
        ]}
      />
    </Dialog>
  );
}

export function Frame({ children }: { children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const [keys, setKeys] = useState(false);
  useKeys(() => setKeys(true));
  const who = session.value;
  return (
    <>
      <a class="skip" href="#main">{t('skip')}</a>
      <div class={open ? 'frame open' : 'frame'}>
        <header class="top">
          <button type="button" class="button quiet menu" aria-expanded={open} aria-controls="navigation" aria-label={t('nav.label')} onClick={() => setOpen(!open)}>
            <Menu size={20} aria-hidden="true" />
          </button>
          <a href="/" class="brand">pomona</a>
          <span class="organization"><bdi>{who?.organization.toLowerCase() === 'pomona' ? '' : who?.organization}</bdi></span>
          <span class={live.value && reachable.value ? 'live on' : 'live'} role="status">{live.value && reachable.value ? t('live.on') : t('live.off')}</span>
          <span class="who"><bdi>{who?.name}</bdi></span>
          <button type="button" class="button quiet" aria-label={t('log-out')} title={t('log-out')} onClick={() => void logOut().catch(stillIn)}>
            <LogOut size={18} aria-hidden="true" />
          </button>
        </header>
        <Navigation done={() => setOpen(false)} />
        <main id="main" tabIndex={-1}>
          {!reachable.value && <div class="stays"><Banner tone="bad" title={t('error.unreachable')}>{t('error.unreachable-text')}</Banner></div>}
          {children}
        </main>
      </div>
      {keys && <Keys close={() => setKeys(false)} />}
    </>
  );
}
