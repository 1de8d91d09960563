/* The form of a command, generated from its row of the table: one field for each argument, at any depth. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Plus, Trash2 } from 'lucide-preact';
import { bytes, t } from '../i18n';
import { Button } from '../ui/basics';
import { Choice, FileDrop, TextArea, TextField } from '../ui/form';
import { Name } from '../ui/text';
import { allowed, argumentTitle, blank, type Draft, type Fields, FileData, fileData, isFields, isJson, kindOf, type Mistakes } from './command-draft';
import type { Argument, Support } from './commands';
import { platformName } from './device';

interface Common {
  mistakes: Mistakes;
  platform: string | undefined; // of the one device that it is for
}

interface One extends Common {
  a: Argument;
  path: string;
  value: Draft;
  change: (value: Draft) => void;
}

const DATA_MOST = 3_000_000; // bytes: base64 of it must pass the API's cap

export function supportText(platforms: Record<string, Support>): string {
  return Object.entries(platforms).map(([p, s]) => `${platformName(p)} ${s.introduced}`).join(', ');
}

function label(a: Argument): ComponentChildren {
  const name = a.name ?? '';
  return <>{argumentTitle(name)}{a.required && <span class="required"> {t('form.required')}</span>}{argumentTitle(name) !== name && <code class="key">{name}</code>}</>;
}

function help(a: Argument): string | undefined {
  const parts = [
    a.default !== undefined && t('form.default', { value: a.default }),
    a.format === 'six digits' && t('form.six-digits'),
    a.platforms && t('form.only-on', { platforms: supportText(a.platforms) }),
    a.withdrawn && t('form.withdrawn'),
    a.narrows && t('form.narrows'),
  ].filter((x): x is string => typeof x === 'string');
  return parts.length > 0 ? parts.join(' · ') : undefined;
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
  if (isJson(a)) return <TextArea {...around} help={t(a.type === 'array' ? 'form.json-list' : 'form.json-object')} mono />;
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
function Ticks({ a, path, value, change, options, platform, mistakes }: One & { options: Argument[] }) {
  const on = Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
  const fits = (o: Argument) => platform === undefined || !o.platforms || o.platforms[platform] !== undefined;
  const known = options.filter(fits);
  const tick = (name: string, ticked: boolean) => change(ticked ? [...on, name] : on.filter((x) => x !== name));
  return (
    <fieldset class="ticks">
      <legend>{label(a)}</legend>
      <p class="actions">
        <Button kind="quiet" onClick={() => change(known.map((o) => o.name ?? ''))}>{t('form.all')}</Button>
        <Button kind="quiet" onClick={() => change([])}>{t('form.none')}</Button>
      </p>
      <div class="tick-list">
        {options.map((o) => (
          <label key={o.name} title={o.platforms ? supportText(o.platforms) : undefined} class={fits(o) ? undefined : 'cannot'}>
            <input type="checkbox" disabled={!fits(o)} checked={on.includes(o.name ?? '')} onChange={(e) => tick(o.name ?? '', e.currentTarget.checked)} /> {o.name}
          </label>
        ))}
      </div>
      {mistakes[path] && <p class="error">{mistakes[path]}</p>}
    </fieldset>
  );
}

function Kind({ a, path, value, change, ...common }: One) {
  const kind = kindOf(a, value);
  const fits = (k: Argument) => common.platform === undefined || !k.platforms || k.platforms[common.platform] !== undefined;
  const options = (a.kinds ?? []).map((k): [string, string] => [k.name ?? '', argumentTitle(k.name ?? '') + (fits(k) || !k.platforms ? '' : ` (${supportText(k.platforms)})`)]);
  return (
    <>
      <Choice label={t('form.kind')} value={kind?.name ?? ''} error={common.mistakes[path]} options={[['', t('form.choose')], ...options]} change={(name) => change({ Item: name })} />
      {kind && <Members list={kind.arguments ?? []} path={path} value={isFields(value) ? value : {}} change={change} {...common} />}
    </>
  );
}

function ListValue({ a, path, value, change, ...common }: One) {
  const all = Array.isArray(value) ? value : [];
  const element = a.elements?.[0];
  const ticks = element?.values ?? element?.one_of?.map((name): Argument => ({ name, type: 'string', required: false }));
  if (ticks) return <Ticks a={a} path={path} value={value} change={change} options={ticks} {...common} />;
  const set = (i: number, v: Draft) => change(all.map((x, k) => (k === i ? v : x)));
  return (
    <fieldset class="list">
      <legend>{label(a)}</legend>
      {help(a) !== undefined && <p class="help">{help(a)}</p>}
      {all.map((v, i) => (
        <div class="element" key={i}>
          {element
            ? <Value a={{ ...element, name: element.name ?? t('form.element', { n: i + 1 }), required: true }} path={`${path}[${i}]`} value={v} change={(x) => set(i, x)} {...common} />
            : <Kind a={a} path={`${path}[${i}]`} value={v} change={(x) => set(i, x)} {...common} />}
          <Button kind="quiet" icon={<Trash2 size={16} aria-hidden="true" />} onClick={() => change(all.filter((_, k) => k !== i))}>{t('form.remove')}</Button>
        </div>
      ))}
      <Button icon={<Plus size={16} aria-hidden="true" />} onClick={() => change([...all, element ? blank(element) : {}])}>{t('form.add')}</Button>
      {common.mistakes[path] && <p class="error">{common.mistakes[path]}</p>}
    </fieldset>
  );
}

function GroupValue({ a, path, value, change, ...common }: One) {
  const given = isFields(value);
  return (
    <fieldset class="members">
      <legend>{label(a)}</legend>
      {help(a) !== undefined && <p class="help">{help(a)}</p>}
      {given || a.required
        ? <Members list={a.arguments ?? []} path={path} value={given ? value : {}} change={change} {...common} />
        : <Button icon={<Plus size={16} aria-hidden="true" />} onClick={() => change({})}>{t('form.add')}</Button>}
      {given && !a.required && <Button kind="quiet" icon={<Trash2 size={16} aria-hidden="true" />} onClick={() => change(undefined)}>{t('form.remove')}</Button>}
      {common.mistakes[path] && <p class="error">{common.mistakes[path]}</p>}
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

function Members({ list, path, value, change, ...common }: Common & { list: Argument[]; path: string; value: Fields; change: (value: Fields) => void }) {
  const { platform } = common;
  const known = platform === undefined ? list : list.filter((a) => !a.platforms || a.platforms[platform]);
  const others = list.filter((a) => !known.includes(a));
  return (
    <>
      {known.map((a) => {
        const name = a.name ?? '';
        return <Value key={name} a={a} path={path === '' ? name : `${path}.${name}`} value={value[name]} change={(v) => change({ ...value, [name]: v })} {...common} />;
      })}
      {others.length > 0 && (
        <p class="cannot">{t('form.not-here', { names: others.map((a) => `${argumentTitle(a.name ?? '')} (${a.platforms ? supportText(a.platforms) : ''})`).join(', ') })}</p>
      )}
    </>
  );
}

export function CommandFields({ list, value, change, mistakes, platform }: Common & { list: Argument[]; value: Fields; change: (value: Fields) => void }) {
  if (list.length === 0) return <p class="help">{t('form.no-arguments')}</p>;
  return <Members list={list} path="" value={value} change={change} mistakes={mistakes} platform={platform} />;
}
