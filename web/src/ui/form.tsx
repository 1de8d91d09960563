/* Forms: each field has a label, help beneath it, and its own error. */
import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { Eye, EyeOff } from 'lucide-preact';
import { t } from '../i18n';

interface Around {
  label: ComponentChildren;
  help?: ComponentChildren;
  error?: ComponentChildren;
}

function Field({ label, help, error, id, children }: Around & { id: string; children: ComponentChildren }) {
  return (
    <div class={error ? 'field wrong' : 'field'}>
      <label for={id}>{label}</label>
      {children}
      {help !== undefined && <p class="help" id={`${id}-help`}>{help}</p>}
      {error !== undefined && error !== '' && <p class="error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

function described(id: string, { help, error }: Around) {
  return [help !== undefined && `${id}-help`, error !== undefined && error !== '' && `${id}-error`].filter(Boolean).join(' ') || undefined;
}

type Input = Omit<JSX.IntrinsicElements['input'], 'value' | 'onInput' | 'label'>;

export function TextField({ label, help, error, value, change, ...rest }: Around & { value: string; change: (text: string) => void } & Input) {
  const id = useId();
  const around = { label, help, error };
  return (
    <Field {...around} id={id}>
      <input type="text" {...rest} id={id} value={value} aria-invalid={error ? true : undefined} aria-describedby={described(id, around)} onInput={(e) => change(e.currentTarget.value)} />
    </Field>
  );
}

export function PasswordField({ label, help, error, value, change, ...rest }: Around & { value: string; change: (text: string) => void } & Input) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const around = { label, help, error };
  return (
    <Field {...around} id={id}>
      <div class="with-button">
        <input {...rest} type={shown ? 'text' : 'password'} id={id} value={value} aria-invalid={error ? true : undefined} aria-describedby={described(id, around)} onInput={(e) => change(e.currentTarget.value)} />
        <button type="button" class="button quiet" aria-pressed={shown} aria-label={t('password.show')} onClick={() => setShown(!shown)}>
          {shown ? <EyeOff size={16} aria-hidden="true" /> : <Eye size={16} aria-hidden="true" />}
        </button>
      </div>
    </Field>
  );
}

export function TextArea({ label, help, error, value, change, rows = 4, mono = false }: Around & { value: string; change: (text: string) => void; rows?: number; mono?: boolean }) {
  const id = useId();
  const around = { label, help, error };
  return (
    <Field {...around} id={id}>
      <textarea id={id} rows={rows} class={mono ? 'mono' : undefined} value={value} aria-invalid={error ? true : undefined} aria-describedby={described(id, around)} onInput={(e) => change(e.currentTarget.value)} />
    </Field>
  );
}

export function Choice({ label, help, error, value, options, change, disabled = false }: Around & { value: string; options: [string, string][]; change: (value: string) => void; disabled?: boolean }) {
  const id = useId();
  const around = { label, help, error };
  return (
    <Field {...around} id={id}>
      <select id={id} value={value} disabled={disabled} aria-describedby={described(id, around)} onChange={(e) => change(e.currentTarget.value)}>
        {options.map(([v, text]) => (
          <option key={v} value={v}>{text}</option>
        ))}
      </select>
    </Field>
  );
}

export function CheckBox({ label, help, value, change, disabled = false }: { label: ComponentChildren; help?: ComponentChildren; value: boolean; change: (on: boolean) => void; disabled?: boolean }) {
  const id = useId();
  return (
    <div class="field check">
      <input type="checkbox" id={id} checked={value} disabled={disabled} aria-describedby={help === undefined ? undefined : `${id}-help`} onChange={(e) => change(e.currentTarget.checked)} />
      <label for={id}>{label}</label>
      {help !== undefined && <p class="help" id={`${id}-help`}>{help}</p>}
    </div>
  );
}

/* Files by choosing or dropping. */
export function FileDrop({ label, help, accept, multiple = false, take }: { label: string; help?: ComponentChildren; accept?: string; multiple?: boolean; take: (files: File[]) => void }) {
  const id = useId();
  const [over, setOver] = useState(false);
  const taken = (list: FileList | null | undefined) => {
    if (list && list.length > 0) take([...list].slice(0, multiple ? undefined : 1));
  };
  return (
    <div
      class={over ? 'drop over' : 'drop'}
      onDragOver={(e) => { e.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); setOver(false); taken(e.dataTransfer?.files); }}
    >
      <label for={id}>{label}</label>
      <input type="file" id={id} accept={accept} multiple={multiple} onChange={(e) => { taken(e.currentTarget.files); e.currentTarget.value = ''; }} />
      {help !== undefined && <p class="help">{help}</p>}
    </div>
  );
}

export function Form({ submit, children }: { submit: () => void; children: ComponentChildren }) {
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); submit(); }}>
      {children}
    </form>
  );
}
