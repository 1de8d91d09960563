/* The form of a command, generated from its row of the table: one field for each argument, at any depth. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Plus, Trash2 } from 'lucide-preact';
import { bytes, t } from '../i18n';
import { Button } from '../ui/basics';
import { Choice, FileDrop, TextArea, TextField } from '../ui/form';
import { Name, Words } from '../ui/text';
import { allowed, argumentTitle, blank, type Draft, type Fields, FileData, fileData, isFields, isJson, kindOf, type Mistakes } from './command-draft';
import type { Argument, Support } from './commands';
import { platformName } from './device';

interface One {
  a: Argument;
  path: string;
  value: Draft;
  change: (value: Draft) => void;
  mistakes: Mistakes;
}

const DATA_MOST = 3_000_000; // bytes: base64 of it must pass the API's cap

export function supportText(platforms: Record<string, Support>): string {
  return Object.entries(platforms).map(([p, s]) => `${platformName(p)} ${s.introduced}`).join(', ');
}

function label(a: Argument): ComponentChildren {
  const name = a.name ?? '';
  return <>{argumentTitle(name)}{a.required && <span class="required"> {t('form.required')}</span>}{argumentTitle(name) !== name && <> <code class="key">{name}</code></>}</>;
}

function help(a: Argument): ComponentChildren {
  const parts = [
    a.default !== undefined && t('form.default', { value: a.type === 'boolean' ? t(a.default === 'true' ? 'yes' : 'no') : a.default }),
    a.format === 'six digits' && t('form.six-digits'),
    a.platforms && t('form.only-on', { platforms: supportText(a.platforms) }),
    a.withdrawn && t('form.withdrawn'),
    a.narrows && t('form.narrows'),
  ].filter((x): x is string => typeof x === 'string').join(' · ');
  if (a.help === undefined) return parts === '' ? undefined : parts;
  return <><span lang="en">{a.help}</span>{parts !== '' && ` · ${parts}`}</>;
}

function TextValue({ a, path, value, change, mistakes }: One) {
  const text = typeof value === 'string' ? value : '';
  const options = allowed(a);
  const around = { label: label(a), help: help(a), error: mistakes[path], value: text, change };
  if (a.type === 'boolean') {
    const absent: [string, string][] = a.required && text !== '' ? [] : [['', t('form.absent')]];
    return <Choice {...around} options={[...absent, ['true', t('yes')], ['false', t('no')]]} />;
  }
  if (options) return <Choice {...around} options={[['', t('form.absent')], ...options.map((o): [string, string] => [o, o])]} />;
  if (isJson(a)) return <TextArea {...around} help={<>{around.help}{around.help !== undefined && ' · '}{t(a.type === 'array' ? 'form.json-list' : 'form.json-object')}</>} mono />;
  if (a.type === 'date') return <TextField {...around} type="datetime-local" step="1" />;
  if (a.type === 'integer' || a.type === 'real') return <TextField {...around} inputMode={a.type === 'integer' ? 'numeric' : 'decimal'} autoComplete="off" />;
  return <TextField {...around} autoComplete="off" spellcheck={false} maxLength={100_000} />;
}

function DataValue({ a, path, value, change, mistakes }: One) {
  const [tooLarge, setTooLarge] = useState(false);
  const take = (files: File[]) => {
    const file = files[0];
    setTooLarge(file !== undefined && file.size > DATA_MOST);
    if (file && file.size <= DATA_MOST) void fileData(file).then(change);
  };
  return (
    <div class="field">
      <span class="label">{label(a)}</span>
      {value instanceof FileData
        ? <p class="taken"><Name text={value.name} /> <Button kind="quiet" icon={<Trash2 size={16} aria-hidden="true" />} onClick={() => change(undefined)}>{t('form.remove')}</Button></p>
        : <FileDrop label={t('form.file')} help={help(a)} take={take} />}
      {tooLarge && <p class="error" role="alert">{t('form.too-large', { most: bytes(DATA_MOST) })}</p>}
      {mistakes[path] && <p class="error">{mistakes[path]}</p>}
    </div>
  );
}

/* A list of texts of which each is one of some: a tick for each. */
function Ticks({ a, path, value, change, options, mistakes }: One & { options: Argument[] }) {
  const on = Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
  const known = options.filter((o) => !o.refused);
  const tick = (name: string, ticked: boolean) => change(ticked ? [...on, name] : on.filter((x) => x !== name));
  return (
    <fieldset>
      <legend>{label(a)}</legend>
      <p class="actions">
        <Button kind="quiet" onClick={() => change(known.map((o) => o.name ?? ''))}>{t('form.all')}</Button>
        <Button kind="quiet" onClick={() => change([])}>{t('form.none')}</Button>
      </p>
      <div class="tick-list">
        {options.map((o) => (
          <label key={o.name} title={o.refused ?? (o.platforms ? supportText(o.platforms) : undefined)} class={o.refused ? 'cannot' : undefined}>
            <input type="checkbox" disabled={o.refused !== undefined} checked={on.includes(o.name ?? '')} onChange={(e) => tick(o.name ?? '', e.currentTarget.checked)} /> {o.name}
          </label>
        ))}
      </div>
      {mistakes[path] && <p class="error">{mistakes[path]}</p>}
    </fieldset>
  );
}

function Kind({ a, path, value, change, mistakes }: One) {
  const kind = kindOf(a, value);
  const kinds = a.kinds ?? [];
  const options = kinds.filter((k) => !k.refused).map((k): [string, string] => [k.name ?? '', argumentTitle(k.name ?? '')]);
  return (
    <>
      <Choice label={t('form.kind')} value={kind?.name ?? ''} error={mistakes[path]} options={[['', t('form.choose')], ...options]} change={(name) => change({ Item: name })} />
      {!kind && <Refused list={kinds} />}
      {kind && <Members list={kind.arguments ?? []} path={path} value={isFields(value) ? value : {}} change={change} mistakes={mistakes} />}
    </>
  );
}

function ListValue({ a, path, value, change, mistakes }: One) {
  const all = Array.isArray(value) ? value : [];
  const element = a.elements?.[0];
  const ticks = element?.values ?? element?.one_of?.map((name): Argument => ({ name, type: 'string', required: false }));
  if (ticks) return <Ticks a={a} path={path} value={value} change={change} options={ticks} mistakes={mistakes} />;
  const set = (i: number, v: Draft) => change(all.map((x, k) => (k === i ? v : x)));
  return (
    <fieldset>
      <legend>{label(a)}</legend>
      {help(a) !== undefined && <p class="help">{help(a)}</p>}
      {all.map((v, i) => (
        <div class="element" key={i}>
          {element
            ? <Value a={{ ...element, name: element.name ?? t('form.element', { n: i + 1 }), required: true }} path={`${path}[${i}]`} value={v} change={(x) => set(i, x)} mistakes={mistakes} />
            : <Kind a={a} path={`${path}[${i}]`} value={v} change={(x) => set(i, x)} mistakes={mistakes} />}
          <Button kind="quiet" icon={<Trash2 size={16} aria-hidden="true" />} onClick={() => change(all.filter((_, k) => k !== i))}>{t('form.remove')}</Button>
        </div>
      ))}
      <Button icon={<Plus size={16} aria-hidden="true" />} onClick={() => change([...all, element ? blank(element) : {}])}>{t('form.add')}</Button>
      {mistakes[path] && <p class="error">{mistakes[path]}</p>}
    </fieldset>
  );
}

function GroupValue({ a, path, value, change, mistakes }: One) {
  const given = isFields(value);
  return (
    <fieldset>
      <legend>{label(a)}</legend>
      {help(a) !== undefined && <p class="help">{help(a)}</p>}
      {given || a.required
        ? <Members list={a.arguments ?? []} path={path} value={given ? value : {}} change={change} mistakes={mistakes} />
        : <Button icon={<Plus size={16} aria-hidden="true" />} onClick={() => change({})}>{t('form.add')}</Button>}
      {given && !a.required && <Button kind="quiet" icon={<Trash2 size={16} aria-hidden="true" />} onClick={() => change(undefined)}>{t('form.remove')}</Button>}
      {mistakes[path] && <p class="error">{mistakes[path]}</p>}
    </fieldset>
  );
}

function Value(one: One) {
  const { a } = one;
  if (isJson(a)) return <TextValue {...one} />;
  if (a.type === 'data') return <DataValue {...one} />;
  if (a.type === 'array') return <ListValue {...one} />;
  if (a.type === 'dictionary') return <GroupValue {...one} />;
  return <TextValue {...one} />;
}

/* What this device does not take, and why. */
function Refused({ list }: { list: Argument[] }) {
  const refused = list.filter((a) => a.refused);
  if (refused.length === 0) return null;
  return (
    <details class="cannot">
      <summary>{t('form.not-here', { n: refused.length })}</summary>
      <ul>{refused.map((a) => <li key={a.name}>{argumentTitle(a.name ?? '')}: <Words text={a.refused} /></li>)}</ul>
    </details>
  );
}

interface MembersOf {
  list: Argument[];
  path: string;
  value: Fields;
  change: (value: Fields) => void;
  mistakes: Mistakes;
}

function Members({ list, path, value, change, mistakes }: MembersOf) {
  return (
    <>
      {list.filter((a) => !a.refused).map((a) => {
        const name = a.name ?? '';
        return <Value key={name} a={a} path={path === '' ? name : `${path}.${name}`} value={value[name]} change={(v) => change({ ...value, [name]: v })} mistakes={mistakes} />;
      })}
      <Refused list={list} />
    </>
  );
}

export function CommandFields({ list, ...rest }: Omit<MembersOf, 'path'>) {
  if (list.length === 0) return <p class="help">{t('form.no-arguments')}</p>;
  return <Members list={list} path="" {...rest} />;
}
