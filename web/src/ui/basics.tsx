/* The small parts that every page is made of. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { AlertTriangle, Check, CircleCheck, CircleDashed, CircleX, Copy, Info } from 'lucide-preact';
import { reachable } from '../api/alive';
import type { ApiError } from '../api/client';
import { type Key, languageNow, t, word } from '../i18n';
import { Words } from './text';

export type Tone = 'ok' | 'info' | 'wait' | 'warn' | 'bad' | 'none';
const SIGNS = { ok: CircleCheck, info: Info, wait: CircleDashed, warn: AlertTriangle, bad: CircleX, none: CircleDashed } as const;

export function Sign({ tone }: { tone: Tone }) {
  const Icon = SIGNS[tone];
  return <Icon class={`sign ${tone}`} size={16} aria-hidden="true" />;
}

/* State in a word, with a sign: never by colour alone. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <Sign tone={tone} />
      <span>{children}</span>
    </span>
  );
}

export function Button({ kind = 'plain', busy = false, icon, children, ...rest }: {
  kind?: 'plain' | 'main' | 'danger' | 'quiet';
  busy?: boolean;
  icon?: ComponentChildren;
} & JSX.IntrinsicElements['button']) {
  return (
    <button type="button" {...rest} class={`button ${kind}`} disabled={busy || rest.disabled === true} aria-busy={busy}>
      {icon}
      <span>{children}</span>
    </button>
  );
}

export function Banner({ tone, title, children, actions }: { tone: Tone; title?: ComponentChildren; children?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <div class={`banner ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Sign tone={tone} />
      <div>
        {title !== undefined && <strong>{title}</strong>}
        {children !== undefined && <div>{children}</div>}
      </div>
      {actions !== undefined && <div class="actions">{actions}</div>}
    </div>
  );
}

/* An error in the server's words, which are English: before them, in the reader's language, of what kind it is. Of what
   the reader could not have done otherwise the log knows more; who asks for help quotes its trace. */
export function Failure({ error }: { error: ApiError | undefined }) {
  if (!error) return null;
  const own = error.status === 0 ? t(reachable.value ? 'error.unanswered' : 'error.unreachable') : error.status === 403 ? t('error.role') : undefined;
  const kind = word('error.code', error.code);
  const translated = own === undefined && languageNow() !== 'en' && kind !== error.code;
  return (
    <Banner tone="bad" title={own ?? (translated ? kind : <Words text={error.message} />)}>
      {translated && <p><Words text={error.message} /></p>}
      {error.trace !== '' && error.status >= 500 && <small>{t('error.trace', { trace: error.trace })}</small>}
    </Banner>
  );
}

export function Page({ title, lead, actions, children }: { title: ComponentChildren; lead?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren }) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${head.current?.textContent ?? ''} · pomona`;
  });
  return (
    <>
      <header class="page-head">
        <div>
          <h1 ref={head} tabIndex={-1}>{title}</h1>
          {lead !== undefined && <p class="lead">{lead}</p>}
        </div>
        {actions !== undefined && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

export function Card({ title, actions, children, wide = false }: { title?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; wide?: boolean }) {
  const id = useId();
  return (
    <section class={wide ? 'card wide' : 'card'} aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <header>
          <h2 id={id}>{title}</h2>
          {actions !== undefined && <div class="actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

export function Facts({ rows }: { rows: [ComponentChildren, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value], i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Waiting() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setLate(true), 200); // what comes at once does not flicker
    return () => window.clearTimeout(timer);
  }, []);
  return <p class="waiting" role="status">{late ? t('loading') : ''}</p>;
}

export function CopyButton({ text, label = 'copy' }: { text: string; label?: Key }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    window.setTimeout(() => setDone(false), 2000);
  };
  return (
    <Button kind="quiet" icon={done ? <Check size={16} aria-hidden="true" /> : <Copy size={16} aria-hidden="true" />} onClick={() => void copy()}>
      {done ? t('copied') : t(label)}
    </Button>
  );
}

/* Text to be taken elsewhere: a link, a command, a code. */
export function Clip({ text }: { text: string }) {
  return (
    <div class="clip">
      <code class="told">{text}</code>
      <CopyButton text={text} />
    </div>
  );
}

export function Tabs({ tabs, chosen, choose }: { tabs: [string, ComponentChildren][]; chosen: string; choose: (id: string) => void }) {
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => row.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [chosen]);
  const keys = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const i = tabs.findIndex(([id]) => id === chosen);
    const next = tabs[(i + step + tabs.length) % tabs.length];
    if (!next) return;
    choose(next[0]);
    row.current?.querySelector<HTMLElement>(`[data-tab="${next[0]}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" ref={row} onKeyDown={keys}>
      {tabs.map(([id, label]) => (
        <button type="button" role="tab" key={id} id={`tab-${id}`} data-tab={id} aria-selected={id === chosen} aria-controls={`panel-${id}`} tabIndex={id === chosen ? 0 : -1} onClick={() => choose(id)}>
          {label}
        </button>
      ))}
    </div>
  );
}

export function Panel({ id, children }: { id: string; children: ComponentChildren }) {
  return (
    <div role="tabpanel" id={`panel-${id}`} aria-labelledby={`tab-${id}`} tabIndex={0}>
      {children}
    </div>
  );
}

