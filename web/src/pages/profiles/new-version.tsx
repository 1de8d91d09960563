/* A new version of a profile: a file dropped, or the newest one edited. Kept only while the newest is the one that was looked at. */
import { useState } from 'preact/hooks';
import { api, request, segment } from '../../api/client';
import { changed, useAct } from '../../api/use';
import { t } from '../../i18n';
import { blobOf, type Draft, draftOf, FILE_MOST, readDraft } from '../../parts/profile-file';
import { Banner, Button, Card, Failure } from '../../ui/basics';
import { CheckBox, FileDrop } from '../../ui/form';
import { toast } from '../../ui/toasts';
import { DraftView } from './draft';
import type { Profile } from './parts';

export function NewVersion({ p, etag }: { p: Profile; etag: string | null }) {
  const [draft, setDraft] = useState<Draft | null>(null);
  const [base, setBase] = useState<{ etag: string | null; version: number }>({ etag, version: p.version });
  const [editing, setEditing] = useState(false);
  const [anyway, setAnyway] = useState(false);
  const [large, setLarge] = useState(false);
  const path = `/profiles/${segment(p.identifier)}`;
  const begin = (d: Draft, edit: boolean) => {
    setBase({ etag, version: p.version });
    setEditing(edit);
    setDraft(d);
  };
  const take = async (file: File) => {
    setLarge(file.size > FILE_MOST);
    if (file.size <= FILE_MOST) begin(await readDraft(file), false);
  };
  const edit = useAct(async () => begin(draftOf(`${p.identifier}.mobileconfig`, new Uint8Array(await (await request('GET', `${path}/file`)).arrayBuffer())), true));
  const act = useAct(async () => {
    if (!draft) return;
    await api('PUT', `${path}${anyway ? '?anyway=1' : ''}`, { body: blobOf(draft), type: 'application/x-apple-aspen-config', ifMatch: base.etag ?? undefined });
    toast(t('profiles.kept', { n: 1 }));
    setDraft(null);
    await changed('/profiles');
  });
  const other = draft?.check?.identifier !== undefined && draft.check.identifier !== p.identifier;
  const mistakes = draft?.check?.errors ?? 0;
  const moved = draft !== null && base.version !== p.version;
  return (
    <Card title={t('profiles.new-version')} wide>
      {!draft && (
        <>
          <FileDrop label={t('profiles.drop-one')} accept=".mobileconfig,.plist,.xml" take={(files) => { if (files[0]) void take(files[0]); }} />
          {large && <Banner tone="warn" title={t('profiles.too-large', { n: 1 })} />}
          {!p.signed && <p><Button busy={edit.busy} onClick={() => void edit.run()}>{t('profiles.edit-newest')}</Button></p>}
          <Failure error={edit.error} />
        </>
      )}
      {draft && (
        <>
          <ul class="rows"><DraftView draft={draft} edit={editing} change={setDraft} drop={() => setDraft(null)} is={t('profiles.becomes', { version: base.version + 1 })} /></ul>
          {other && <Banner tone="bad" title={t('profiles.other-identifier')} />}
          {moved && (
            <Banner
              tone="warn"
              title={t('profiles.moved', { version: p.version })}
              actions={<Button onClick={() => setBase({ etag, version: p.version })}>{t('profiles.moved-go')}</Button>}
            >
              {t('profiles.moved-text')}
            </Banner>
          )}
          {mistakes > 0 && <CheckBox label={t('profiles.anyway')} help={t('profiles.anyway-help')} value={anyway} change={setAnyway} />}
          <Failure error={act.error} />
          <footer>
            <Button kind="main" busy={act.busy} disabled={!draft.check || other || moved || (mistakes > 0 && !anyway)} onClick={() => void act.run()}>{t('profiles.keep', { n: 1 })}</Button>
          </footer>
        </>
      )}
    </Card>
  );
}
