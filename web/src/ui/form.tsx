/* Forms: each field has a label, help beneath it, and its own error. */
import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { Eye, EyeOff } from 'lucide-preact';
import { t } from '../i18n';
import { type Dropped, dropped } from './files';

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

/* Does the name fit what a field of files accepts (".pkg,.xml")? */
const accepts = (accept: string | undefined) => (name: string) => accept === undefined || accept.split(',').some((end) => name.toLowerCase().endsWith(end));

/* Files by choosing or dropping; of a folder those in it that fit. What cannot be taken is told. */
export function FileDrop({ label, help, accept, multiple = false, take }: { label: string; help?: ComponentChildren; accept?: string; multiple?: boolean; take: (files: File[]) => void }) {
  const id = useId();
  const [over, setOver] = useState(false);
  const [wrong, setWrong] = useState('');
  const taken = ({ files, folders }: Dropped) => {
    const several = !multiple && (files.length > 1 || folders.length > 0);
    setWrong(several ? t('drop.one') : files.length === 0 && folders.length > 0 ? t('drop.folder', { name: folders.join(', ') }) : '');
    if (files.length > 0 && !several) take(files);
  };
  const drop = (transfer: DataTransfer | null) => {
    setOver(false);
    if (transfer) dropped(transfer, accepts(accept)).then(taken, () => setWrong(t('drop.unreadable')));
  };
  return (
    <div
      class={over ? 'drop over' : 'drop'}
      onDragOver={(e) => { e.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); drop(e.dataTransfer); }}
    >
      <label for={id}>{label}</label>
      <input type="file" id={id} accept={accept} multiple={multiple} onChange={(e) => { taken({ files: [...(e.currentTarget.files ?? [])], folders: [] }); e.currentTarget.value = ''; }} />
      {help !== undefined && <p class="help">{help}</p>}
      {wrong !== '' && <p class="error" role="alert">{wrong}</p>}
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
