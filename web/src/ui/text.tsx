/* Texts that come from devices and people: shown as they are, harmlessly. */
import { useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { ago, languageNow, t, time } from '../i18n';
import { visible } from '../i18n/visible';

/* Nothing of it would be seen, or could be clicked. */
export const isBlank = (text: string | null | undefined): text is null | undefined => text == null || !/[^\s\p{Cf}\p{DI}\u2800]/u.test(text);

const SHORT = 300;

interface Said {
  text: string | null | undefined;
  most?: number;
}

/* In an element of its own direction (bdi); what is very long is cut, and unfolds. */
function Long({ text, most = SHORT, lang, show }: Said & { lang?: string; show: (text: string) => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  if (isBlank(text)) return <span class="none">–</span>;
  const shown = visible(text);
  const letters = shown.length > most && !open ? Array.from(shown).slice(0, most).join('') : shown;
  if (letters.length === shown.length) return <bdi class="told" lang={lang}>{show(shown)}</bdi>;
  return (
    <>
      <bdi class="told" lang={lang}>{show(letters)}…</bdi>{' '}
      <button type="button" class="link" onClick={() => setOpen(true)}>
        {t('show.all', { n: shown.length })}
      </button>
    </>
  );
}

/* What devices and people wrote. */
export const Told = (said: Said) => <Long {...said} show={(text) => text} />;

/* A name in a link or a table: one line, cut where it is long; all of it stands in its title. */
export function Name({ text, most = 80 }: { text: string | null | undefined; most?: number }) {
  if (isBlank(text)) return <span class="none">–</span>;
  const shown = visible(text).replace(/\s+/g, ' ');
  const letters = Array.from(shown);
  if (letters.length <= most) return <bdi class="told">{shown}</bdi>;
  return <bdi class="told" title={letters.slice(0, 1000).join('')}>{letters.slice(0, most).join('')}…</bdi>;
}

/* One for all: what is told in minutes moves on together. */
const clock = signal(Date.now());
window.setInterval(() => {
  clock.value = Date.now();
}, 10_000);

/* short: where a column is narrow. */
export function Time({ at, short = false }: { at: string | null | undefined; short?: boolean }) {
  if (!at) return <span class="none">{t('never')}</span>;
  return (
    <time dateTime={at} title={time(at, 'exact')}>
      {ago(at, clock.value, short ? 'short' : 'long')}
    </time>
  );
}

export function Moment({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="none">{t('never')}</span>;
  return <time dateTime={at} title={time(at, 'exact')}>{time(at, 'moment')}</time>;
}

export const Day = ({ at }: { at: string }) => <time dateTime={at} title={time(at, 'exact')}>{time(at, 'day')}</time>;

const PIECES = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|`[^`]+`)/;
const inWords = (text: string) => text.split(PIECES).map((part, i) => {
  if (i % 2 === 0) return part;
  if (part.startsWith('`')) return <code key={i}>{part.slice(1, -1)}</code>;
  return <span key={i} lang={languageNow()}><Moment at={part} /></span>;
});

/* The server's sentences, which are English: what stands in them as a time is told in the reader's zone, and what is to be typed is seen as such. */
export const Words = ({ text, most = 1000 }: Said) => <Long text={text} most={most} lang="en" show={inWords} />;

export function Code({ children }: { children: string }) {
  return <code class="told">{visible(children)}</code>;
}
