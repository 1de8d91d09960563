/* The words of the console: one file a language, the same keys in each (a test compares them).

   A value is a text with {name} for what is filled in, or {"one": …, "other": …} (Unicode plural rules) chosen by {n}. What is
   filled in is isolated, so that a name from right to left does not turn the sentence around, and cannot end that by itself. */
import type { ComponentChildren } from 'preact';
import type en from './en.json';
import { visible } from './visible';

export const LANGUAGES = { en: 'English', fr: 'Français', ja: '日本語' } as const;
export type Language = keyof typeof LANGUAGES;
export type Key = keyof typeof en;
type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
type Filling = Record<string, string | number>;

const CHOSEN = 'pomona.language';
let words: Record<string, Text> = {};
let language: Language = 'en';
let plural = new Intl.PluralRules('en');
let numbers = new Intl.NumberFormat('en');

const load: Record<Language, () => Promise<{ default: Record<string, Text> }>> = {
  en: () => import('./en.json'),
  fr: () => import('./fr.json'),
  ja: () => import('./ja.json'),
};

function isLanguage(word: string | null | undefined): word is Language {
  return word != null && Object.hasOwn(LANGUAGES, word);
}

function wanted(): Language {
  const chosen = localStorage.getItem(CHOSEN);
  if (isLanguage(chosen)) return chosen;
  for (const tag of navigator.languages) {
    const word = tag.split('-')[0];
    if (isLanguage(word)) return word;
  }
  return 'en';
}

export async function loadLanguage() {
  language = wanted();
  words = (await load[language]()).default;
  plural = new Intl.PluralRules(language);
  numbers = new Intl.NumberFormat(language);
  document.documentElement.lang = language;
}

export const languageNow = () => language;
export function chooseLanguage(l: Language) {
  localStorage.setItem(CHOSEN, l);
  window.location.reload();
}

function pattern(key: string, n: number | undefined): string {
  const text = words[key];
  if (text === undefined) {
    console.error(`there is no text ${key}`); // a key that was put together wrongly: tests take it for trouble
    return key;
  }
  if (typeof text === 'string') return text;
  return text[plural.select(n ?? 0)] ?? text.other ?? key;
}

const isolated = (value: string | number) => (typeof value === 'number' ? numbers.format(value) : `\u2068${visible(value)}\u2069`);

export function t(key: Key, filling: Filling = {}): string {
  const n = typeof filling.n === 'number' ? filling.n : undefined;
  return pattern(key, n).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = filling[name];
    return value === undefined ? whole : isolated(value);
  });
}

/* The same with elements filled in. */
export function rich(key: Key, filling: Record<string, ComponentChildren>): ComponentChildren[] {
  const n = typeof filling.n === 'number' ? filling.n : undefined;
  return pattern(key, n).split(/(\{\w+\})/).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    return name === undefined ? part : (filling[name] ?? part);
  });
}

/* Words of the server's own (states, kinds of events, verdicts): by key when there is one, else as they came. */
export function word(prefix: string, value: string): string {
  const text = words[`${prefix}.${value}`];
  return typeof text === 'string' ? text : value;
}

/* All words of a prefix that have a text. */
export const wordsOf = (prefix: string) => Object.keys(words).filter((key) => key.startsWith(`${prefix}.`)).map((key) => key.slice(prefix.length + 1));

export const number = (n: number) => numbers.format(n);
export const percent = (part: number) => new Intl.NumberFormat(language, { style: 'percent' }).format(part);

/* ---- times, in the reader's zone ---- */

const at = (iso: string) => new Date(iso);
const FORMATS = {
  moment: { dateStyle: 'medium', timeStyle: 'medium' },
  exact: { dateStyle: 'full', timeStyle: 'long' }, // with the zone
  day: { dateStyle: 'long' },
  short: { month: 'numeric', day: 'numeric' },
  hour: { hour: 'numeric', minute: '2-digit' },
} satisfies Record<string, Intl.DateTimeFormatOptions>;
const formats = new Map<string, Intl.DateTimeFormat>(); // making one is slow, and lists have many times

export function time(iso: string, as: keyof typeof FORMATS): string {
  let format = formats.get(as);
  if (!format) formats.set(as, (format = new Intl.DateTimeFormat(language, FORMATS[as])));
  return format.format(at(iso));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600], ['month', 2_629_800], ['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60],
];
const relative = new Map<Intl.RelativeTimeFormatStyle, Intl.RelativeTimeFormat>(); // as formats
export function ago(iso: string, now = Date.now(), style: Intl.RelativeTimeFormatStyle = 'long'): string {
  const seconds = (at(iso).getTime() - now) / 1000;
  let format = relative.get(style);
  if (!format) relative.set(style, (format = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style })));
  for (const [unit, size] of STEPS) if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  return format.format(Math.trunc(seconds / 10) * 10, 'second');
}
const amount = (n: number, unit: string) => new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(n);
export const days = (n: number) => amount(n, 'day');

/* How far a day is away, or how long ago it was. */
export const daysTo = (n: number) => (n < 0 ? new Intl.RelativeTimeFormat(language).format(n, 'day') : days(n));

/* A span as the API has it: "24h", "7d". */
export function span(text: string): string {
  return amount(parseInt(text, 10), text.endsWith('h') ? 'hour' : 'day');
}
export function bytes(n: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let i = 0;
  let value = n;
  while (value >= 1000 && i < units.length - 1) {
    value /= 1000;
    i++;
  }
  return new Intl.NumberFormat(language, { style: 'unit', unit: units[i] ?? 'byte', unitDisplay: 'short', maximumFractionDigits: i ? 1 : 0 }).format(value);
}
