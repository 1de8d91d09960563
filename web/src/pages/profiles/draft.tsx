/* One profile before it is kept: what it is, what is wrong with it and where; its text can be mended here. */
import { useEffect, useState } from 'preact/hooks';
import { X } from 'lucide-preact';
import { useAway } from '../../api/use';
import { t } from '../../i18n';
import { checkDraft, type Draft, withText } from '../../parts/profile-file';
import { Badge, Banner, Button, Failure, Waiting } from '../../ui/basics';
import { TextArea } from '../../ui/form';
import { FileLines, Findings } from '../../ui/lines';
import { Code, Told } from '../../ui/text';
import { Platforms } from './parts';

const PAUSE = 500; // ms after the last key

/* `is` tells what it will become: a new profile, or a version of one. edit: it is here to be edited. */
export function DraftView({ draft, change, drop, is, edit = false }: { draft: Draft; change: (d: Draft) => void; drop?: () => void; is?: string | undefined; edit?: boolean }) {
  const [editing, setEditing] = useState(edit);
  const [here, setHere] = useState<number>();
  const away = useAway();
  const passing = draft.error?.status === 401 || draft.error?.status === 0; // it is checked again when somebody answers
  const fresh = draft.check === undefined && (draft.error === undefined || passing);
  useEffect(() => {
    if (!fresh || away) return undefined;
    let over = false;
    const timer = window.setTimeout(() => {
      void checkDraft(draft).then((d) => {
        if (!over) change(d);
      });
    }, editing ? PAUSE : 0);
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- each text is checked once
  }, [draft.bytes, fresh, away]);
  const c = draft.check;
  const warnings = c ? c.findings.length - c.errors : 0;
  return (
    <li>
      <div class="line">
        <strong><Told text={c?.name ?? draft.name} most={100} /></strong>
        {c?.identifier && <Code>{c.identifier}</Code>}
        {c && c.errors > 0 && <Badge tone="bad">{t('check.errors', { n: c.errors })}</Badge>}
        {warnings > 0 && <Badge tone="warn">{t('check.warnings', { n: warnings })}</Badge>}
        {c && c.findings.length === 0 && <Badge tone="ok">{t('check.good')}</Badge>}
        {is && <span class="soft">{is}</span>}
        {c?.signed && <span class="soft">{t('profiles.signed-by', { signer: c.signer ?? '?' })}</span>}
        <span class="actions">
          {draft.editable && <Button aria-pressed={editing} onClick={() => setEditing(!editing)}>{t(editing ? 'check.view' : 'check.edit')}</Button>}
          {drop && (
            <button type="button" class="button quiet" aria-label={t('check.drop', { name: draft.name })} onClick={drop}>
              <X size={16} aria-hidden="true" />
            </button>
          )}
        </span>
      </div>
      <p class="soft"><Told text={draft.name} /> {c && <Platforms of={c.platforms} supervised={c.supervised} />}</p>
      <Failure error={passing ? undefined : draft.error} />
      {fresh && <Waiting />}
      {c && c.errors === 0 && c.findings.length === 0 && !editing ? null : (
        <div class={c && c.findings.length === 0 ? undefined : 'beside'}>
          {c?.findings.length !== 0 && <div>{c && <Findings findings={c.findings} go={(line) => { setEditing(false); setHere(line); }} />}</div>}
          <div>
            {editing
              ? <TextArea label={t('check.text')} value={draft.text ?? ''} rows={24} mono change={(text) => change(withText(draft, text))} />
              : draft.text !== null
                ? <FileLines text={draft.text} findings={c?.findings ?? []} here={here} />
                : <Banner tone="none">{t('check.binary')}</Banner>}
          </div>
        </div>
      )}
    </li>
  );
}
