/* A modal dialog: the browser's own, so that focus stays in it and goes back, and Escape closes it. */
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { X } from 'lucide-preact';
import type { ApiError } from '../api/client';
import { t } from '../i18n';
import { Button, Failure } from './basics';
import { Form, TextField } from './form';

const FIRST = ['[autofocus]', 'input, select, textarea', 'footer button'];

/* Opens it. What is shown later than the dialog, or in place of what had the focus, gets the focus: else the next key would close the
   dialog, or go nowhere. */
function useModal(box: RefObject<HTMLDialogElement>) {
  useEffect(() => {
    const dialog = box.current;
    if (!dialog) return undefined;
    let last: Node | null = null;
    let begun = false; // somebody chose where the focus is
    const note = (e: Event) => {
      last = e.target as Node;
      begun ||= e.type !== 'focusin';
    };
    const events = ['focusin', 'keydown', 'pointerdown'];
    const watch = new MutationObserver(() => {
      const gone = last !== null && !dialog.contains(last);
      if (!gone && (begun || !document.activeElement?.closest('dialog > header'))) return;
      const found = FIRST.map((x) => dialog.querySelector<HTMLElement>(`:is(${x}):not(:disabled)`)).find((x) => x !== null);
      found?.focus();
    });
    for (const type of events) dialog.addEventListener(type, note);
    watch.observe(dialog, { childList: true, subtree: true });
    dialog.showModal();
    return () => {
      watch.disconnect();
      for (const type of events) dialog.removeEventListener(type, note);
      dialog.close();
    };
  }, [box]);
}

export function Dialog({ title, close, wide = false, children }: { title: ComponentChildren; close?: () => void; wide?: boolean; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useModal(box);
  return (
    <dialog ref={box} class={wide ? 'wide' : undefined} aria-labelledby={id} onCancel={(e) => { e.preventDefault(); close?.(); }}>
      <header>
        <h2 id={id}>{title}</h2>
        {close && (
          <button type="button" class="button quiet" aria-label={t('close')} onClick={close}>
            <X size={18} aria-hidden="true" />
          </button>
        )}
      </header>
      {children}
    </dialog>
  );
}

/* Asks before an act. type: a word that must be typed, for what cannot be undone. */
export function Confirm({ title, children, verb, danger = false, wide = false, type, busy = false, error, go, close }: {
  title: ComponentChildren;
  children?: ComponentChildren;
  verb: string;
  danger?: boolean;
  wide?: boolean;
  type?: string;
  busy?: boolean;
  error?: ApiError | undefined;
  go: () => void;
  close: () => void;
}) {
  const [typed, setTyped] = useState('');
  const ready = type === undefined || typed.trim() === type;
  return (
    <Dialog title={title} close={close} wide={wide}>
      <Form submit={() => { if (ready) go(); }}>
        {children}
        {type !== undefined && <TextField label={t('confirm.type', { word: type })} value={typed} change={setTyped} autoComplete="off" />}
        <Failure error={error} />
        <footer>
          <Button onClick={close}>{t('cancel')}</Button>
          <Button type="submit" kind={danger ? 'danger' : 'main'} busy={busy} disabled={!ready}>{verb}</Button>
        </footer>
      </Form>
    </Dialog>
  );
}
