/* A modal dialog: the browser's own, so that focus stays in it and goes back, and Escape closes it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { X } from 'lucide-preact';
import type { ApiError } from '../api/client';
import { t } from '../i18n';
import { Button, Failure } from './basics';
import { Form, TextField } from './form';

export function Dialog({ title, close, wide = false, children }: { title: ComponentChildren; close?: () => void; wide?: boolean; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
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
export function Confirm({ title, children, verb, danger = false, type, busy = false, error, go, close }: {
  title: ComponentChildren;
  children?: ComponentChildren;
  verb: string;
  danger?: boolean;
  type?: string;
  busy?: boolean;
  error?: ApiError | undefined;
  go: () => void;
  close: () => void;
}) {
  const [typed, setTyped] = useState('');
  const ready = type === undefined || typed.trim() === type;
  return (
    <Dialog title={title} close={close}>
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
