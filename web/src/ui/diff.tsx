/* What differs, key by key: before and after side by side, on a narrow screen one below the other. */
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import { Empty } from './basics';
import { Code, Told } from './text';

export interface Difference {
  key: string;
  was: string | null; // null: it is not there
  is: string | null;
}

function Side({ text, kind }: { text: string | null; kind: 'was' | 'is' }) {
  return (
    <div class={text === null ? 'side nothing' : `side ${kind}`}>
      <span class="hidden">{t(kind === 'was' ? 'diff.was' : 'diff.is')}: </span>
      {text === null ? <em>{t('diff.nothing')}</em> : text === '' ? '""' : <Told text={text} most={500} />}
    </div>
  );
}

export function Differences({ all, was, is }: { all: Difference[]; was?: ComponentChildren; is?: ComponentChildren }) {
  if (all.length === 0) return <Empty>{t('diff.none')}</Empty>;
  return (
    <div class="diff">
      {was !== undefined && <div aria-hidden="true"><strong>{was}</strong><strong>{is}</strong></div>}
      {all.map((d) => (
        <div key={d.key}>
          <div class="key"><Code>{d.key}</Code></div>
          <Side text={d.was} kind="was" />
          <Side text={d.is} kind="is" />
        </div>
      ))}
    </div>
  );
}
