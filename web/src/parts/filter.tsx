/* The field for the filter language of devices: mistakes at their place, help beneath. Used wherever a filter or a rule is written. */
import { useId, useState } from 'preact/hooks';
import { CircleHelp, X } from 'lucide-preact';
import type { ApiError } from '../api/client';
import { t } from '../i18n';
import { visible } from '../i18n/visible';
import { Banner, Button, Failure } from '../ui/basics';
import { Words } from '../ui/text';
import { FIELDS, fieldName } from './fields';

const EXAMPLES = ['anna', 'platform=macos and os<15', 'filevault=off last-seen>7d', 'user="" or tag=""', 'not compliance=compliant', 'app=com.example.app'];

/* The server's words: the first line says what is wrong, the others show where. */
function FilterMistake({ error }: { error: ApiError | undefined }) {
  if (!error) return null;
  if (error.code !== 'invalid') return <Failure error={error} />;
  const [first = '', ...where] = error.message.split('\n');
  return (
    <Banner tone="bad" title={<Words text={first} />}>
      {where.length > 0 && <pre class="where" dir="ltr" lang="en" tabIndex={0}>{visible(where.join('\n'))}</pre>}
    </Banner>
  );
}

function FilterHelp({ take }: { take: (text: string) => void }) {
  return (
    <div class="filter-help">
      <p>{t('filter.help')}</p>
      <p class="chips">{EXAMPLES.map((x) => <button type="button" key={x} class="chip" onClick={() => take(x)}><code>{x}</code></button>)}</p>
      <dl>
        <dt>= != ~</dt><dd>{t('filter.texts')}</dd>
        <dt>&lt; &lt;= &gt; &gt;=</dt><dd>{t('filter.numbers')}</dd>
        <dt>last-seen&gt;7d</dt><dd>{t('filter.times')}</dd>
        <dt>=unknown</dt><dd>{t('filter.unknown')}</dd>
        <dt>and or not ( )</dt><dd>{t('filter.words')}</dd>
      </dl>
      <details>
        <summary>{t('filter.fields')}</summary>
        <ul class="fields">{[...Object.keys(FIELDS), 'group', 'app', 'profile'].map((f) => <li key={f}><code>{f}</code> {fieldName(f)}</li>)}</ul>
      </details>
    </div>
  );
}

/* down: to what was found. */
export function FilterField({ value, change, error, placeholder, down }: { value: string; change: (text: string) => void; error: ApiError | undefined; placeholder: string; down?: () => void }) {
  const [help, setHelp] = useState(false);
  const id = useId();
  const keys = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown' && down) down();
    else if (e.key === 'Escape' && value !== '') change('');
    else return;
    e.preventDefault();
  };
  return (
    <div class="filter">
      <div class="with-button">
        <input
          type="search" value={value} placeholder={placeholder} aria-label={placeholder} aria-invalid={error ? true : undefined} aria-describedby={`${id}-mistake`}
          autoComplete="off" autoCapitalize="off" spellcheck={false} maxLength={4000}
          onInput={(e) => change(e.currentTarget.value)} onKeyDown={keys}
        />
        {value !== '' && <Button kind="quiet" icon={<X size={16} aria-hidden="true" />} onClick={() => change('')}>{t('filter.clear')}</Button>}
        <button type="button" class="button quiet" aria-expanded={help} aria-label={t('filter.help-show')} title={t('filter.help-show')} onClick={() => setHelp(!help)}><CircleHelp size={18} aria-hidden="true" /></button>
      </div>
      <div id={`${id}-mistake`} aria-live="polite"><FilterMistake error={error} /></div>
      {help && <FilterHelp take={change} />}
    </div>
  );
}

/* One condition within the text: replaced where it stands, else joined to it; value "" takes it out. */
export function withCondition(text: string, field: string, value: string): string {
  const there = new RegExp(`(^|\\s)(and\\s+)?${field}=(?:"[^"]*"|[^\\s()]+)`, 'i');
  const condition = value === '' ? '' : `${field}=${value}`;
  if (there.test(text)) return text.replace(there, (_, before: string) => before + condition).replace(/\s+/g, ' ').trim().replace(/^and\s+/i, '');
  if (condition === '') return text;
  if (text.trim() === '') return condition;
  return /\bor\b/i.test(text) ? `(${text.trim()}) ${condition}` : `${text.trim()} ${condition}`;
}
export function conditionOf(text: string, field: string): string {
  return new RegExp(`(?:^|\\s)${field}=("[^"]*"|[^\\s()]+)`, 'i').exec(text)?.[1] ?? '';
}
