/* What a person filled into the form of a command, and the arguments made of it. */
import { t } from '../i18n';
import type { Argument, Arguments } from './commands';

export class FileData {
  constructor(
    readonly name: string,
    readonly base64: string,
  ) {}
}
/* undefined, and an empty text: not given. */
export type Draft = undefined | string | FileData | Draft[] | { [key: string]: Draft };
export type Fields = Record<string, Draft>;
export type Mistakes = Record<string, string>; // by path: "Settings[0].Enabled"

export const isFields = (d: Draft): d is Fields => typeof d === 'object' && !Array.isArray(d) && !(d instanceof FileData);

/* What no row describes is written as JSON. */
export const isJson = (a: Argument) => a.type === 'any' || (a.type === 'dictionary' && !a.arguments) || (a.type === 'array' && !a.elements && !a.kinds);

/* Of one list of allowed texts, whichever way the row says it. */
export function allowed(a: Argument): string[] | undefined {
  return a.one_of ?? a.values?.map((v) => v.name ?? '').filter((v) => v !== '');
}

export function blank(a: Argument): Draft {
  if (isJson(a)) return '';
  if (a.type === 'dictionary') return {};
  if (a.type === 'array') return [];
  return '';
}

/* Which of `kinds` an element is. */
export function kindOf(a: Argument, element: Draft): Argument | undefined {
  const item = isFields(element) ? element.Item : undefined;
  return a.kinds?.find((k) => k.name === item);
}

class Reader {
  readonly mistakes: Mistakes = {};

  wrong(path: string, text: string): unknown {
    this.mistakes[path] = text;
    return undefined;
  }

  number(a: Argument, text: string, path: string): unknown {
    const n = Number(text.replace(',', '.'));
    if (!Number.isFinite(n)) return this.wrong(path, t('form.no-number'));
    if (a.type === 'integer' && !Number.isSafeInteger(n)) return this.wrong(path, t('form.no-integer'));
    return n;
  }

  date(text: string, path: string): unknown {
    const at = new Date(text); // of datetime-local: in the reader's zone
    return Number.isNaN(at.getTime()) ? this.wrong(path, t('form.no-date')) : at.toISOString().replace(/\.\d+Z$/, 'Z');
  }

  json(a: Argument, text: string, path: string): unknown {
    try {
      const value: unknown = JSON.parse(text);
      const fits = a.type === 'array' ? Array.isArray(value) : a.type !== 'dictionary' || (typeof value === 'object' && value !== null && !Array.isArray(value));
      return fits ? value : this.wrong(path, t(a.type === 'array' ? 'form.no-json-list' : 'form.no-json-object'));
    } catch (e) {
      return this.wrong(path, t('form.no-json', { why: (e as Error).message }));
    }
  }

  text(a: Argument, text: string, path: string): unknown {
    switch (a.type) {
      case 'boolean': return text === 'true';
      case 'integer': case 'real': return this.number(a, text, path);
      case 'date': return this.date(text, path);
      case 'string':
        if (a.format === 'six digits' && !/^\d{6}$/.test(text)) return this.wrong(path, t('form.no-six-digits'));
        return text;
      default: return this.json(a, text, path);
    }
  }

  fields(list: Argument[], draft: Fields, path: string): Arguments {
    const out: Arguments = {};
    for (const a of list) {
      const name = a.name ?? '';
      const value = this.value(a, draft[name], path === '' ? name : `${path}.${name}`);
      if (value !== undefined) out[name] = value;
    }
    return out;
  }

  element(a: Argument, draft: Draft, path: string): unknown {
    if (!a.kinds) return a.elements?.[0] ? this.value({ ...a.elements[0], required: true }, draft, path) : undefined;
    const kind = kindOf(a, draft);
    if (!kind || !isFields(draft)) return this.wrong(path, t('form.needed'));
    return { Item: kind.name, ...this.fields(kind.arguments ?? [], draft, path) };
  }

  value(a: Argument, draft: Draft, path: string): unknown {
    if (draft === undefined || draft === '' || (Array.isArray(draft) && draft.length === 0)) {
      return a.required ? this.wrong(path, t('form.needed')) : undefined;
    }
    if (draft instanceof FileData) return draft.base64;
    if (Array.isArray(draft)) return draft.map((d, i) => this.element(a, d, `${path}[${i}]`));
    if (typeof draft === 'object') return this.fields(a.arguments ?? [], draft, path);
    return this.text(a, draft, path);
  }
}

export function readArguments(list: Argument[], draft: Fields): { args: Arguments; mistakes: Mistakes } {
  const reader = new Reader();
  const args = reader.fields(list, draft, '');
  return { args, mistakes: reader.mistakes };
}

/* "PreserveDataPlan" as "Preserve data plan", "iTunesStoreID" as "iTunes store ID": the key is all that the table has. */
export function argumentTitle(name: string): string {
  const parts = name.replace(/(?<=[a-z0-9])(?<!^[a-z])(?=[A-Z])/g, ' ').replace(/(?<=[A-Z])(?=[A-Z][a-z])(?!Pv\d)/g, ' ').split(/[ _-]+/);
  const words = parts.map((w, i) => (i > 0 && /^[A-Z][a-z]*$/.test(w) ? w.toLowerCase() : w)).join(' ');
  return /^[a-z][A-Z]/.test(words) ? words : words.charAt(0).toUpperCase() + words.slice(1);
}

export async function fileData(file: File): Promise<FileData> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return new FileData(file.name, btoa(text));
}
