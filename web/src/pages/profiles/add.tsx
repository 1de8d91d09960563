/* Profiles are taken in: files dropped, or a template made one's own; checked first, all of them kept or none. */
import { useState } from 'preact/hooks';
import { api, ApiError, onceKey, request, segment } from '../../api/client';
import { changed, useAct, useApi } from '../../api/use';
import { t } from '../../i18n';
import { blobOf, type Checked, type Draft, draftOf, FILE_MOST, makeOwn, readDraft } from '../../parts/profile-file';
import { Banner, Button, Card, Failure } from '../../ui/basics';
import { CheckBox, Choice, FileDrop, TextField } from '../../ui/form';
import { base64 } from '../../ui/files';
import { toast } from '../../ui/toasts';
import { DraftView } from './draft';
import type { Listed } from './parts';

const FILES_MOST = 200;

function Templates({ take }: { take: (d: Draft) => void }) {
  const { data, error } = useApi<{ templates: { name: string; about: string }[] }>('/profile-templates', { calm: true });
  const [name, setName] = useState('');
  const [identifier, setIdentifier] = useState('');
  const chosen = data?.templates.find((x) => x.name === name);
  const act = useAct(async () => {
    const text = await (await request('GET', `/profile-templates/${segment(name)}`)).text();
    take(draftOf(`${name}.mobileconfig`, new TextEncoder().encode(makeOwn(text, identifier.trim()))));
    setName('');
  });
  return (
    <>
      <Failure error={error ?? act.error} />
      <Choice
        label={t('profiles.template')}
        help={chosen?.about ?? t('profiles.template-help')}
        value={name}
        options={[['', t('profiles.template-none')], ...(data?.templates ?? []).map((x): [string, string] => [x.name, x.name])]}
        change={(n) => {
          setName(n);
          setIdentifier(`${window.location.hostname.split('.').reverse().join('.')}.${n}`);
        }}
      />
      {name !== '' && (
        <div class="pair">
          <TextField label={t('profiles.identifier')} help={t('profiles.identifier-help')} value={identifier} change={setIdentifier} autoComplete="off" />
          <Button kind="main" busy={act.busy} disabled={identifier.trim() === ''} onClick={() => void act.run()}>{t('profiles.template-go')}</Button>
        </div>
      )}
    </>
  );
}

/* What the server said of each file, when it refused them. */
function told(error: ApiError | undefined): Checked[] {
  const files = error?.detail.files;
  return Array.isArray(files) ? (files as Checked[]) : [];
}

export function AddProfiles({ known, done }: { known: Listed[]; done: () => void }) {
  const [drafts, setDrafts] = useState<Draft[]>([]);
  const [anyway, setAnyway] = useState(false);
  const [over, setOver] = useState<string[]>([]);
  const [key, setKey] = useState(onceKey);
  const take = async (files: File[]) => {
    const fit = files.filter((f) => f.size <= FILE_MOST).slice(0, FILES_MOST);
    setOver(files.filter((f) => !fit.includes(f)).map((f) => f.name));
    const read = await Promise.all(fit.map(readDraft));
    setDrafts((all) => [...all, ...read]);
  };
  const mistakes = drafts.reduce((n, d) => n + (d.check?.errors ?? 0), 0);
  const unreadable = drafts.some((d) => d.error ?? (d.check && d.check.identifier === null));
  const unchecked = drafts.some((d) => !d.check && !d.error);
  const act = useAct(async () => {
    const files = await Promise.all(drafts.map(async (d) => ({ name: d.name, data: await base64(blobOf(d)) })));
    try {
      await api('POST', '/profiles', { body: { files, anyway }, once: key });
    } finally {
      setKey(onceKey());
    }
    toast(t('profiles.kept', { n: drafts.length }));
    await changed('/profiles');
    done();
  });
  const becomes = (d: Draft) => {
    const before = known.find((p) => p.identifier === d.check?.identifier);
    return before ? t('profiles.becomes', { version: before.version + 1 }) : d.check?.identifier ? t('profiles.becomes-new') : undefined;
  };
  return (
    <Card title={t('profiles.add')} wide actions={<Button kind="quiet" onClick={done}>{t('close')}</Button>}>
      <div class="beside">
        <FileDrop label={t('profiles.drop')} help={t('profiles.drop-help')} accept=".mobileconfig,.plist,.xml" multiple take={(files) => void take(files)} />
        <div><Templates take={(d) => setDrafts((all) => [...all, d])} /></div>
      </div>
      {over.length > 0 && <Banner tone="warn" title={t('profiles.too-large', { n: over.length })}>{over.slice(0, 10).join(', ')}</Banner>}
      {drafts.length > 0 && (
        <>
          <ul class="rows">
            {drafts.map((d) => (
              <DraftView
                key={d.id}
                draft={d}
                change={(next) => setDrafts((all) => all.map((x) => (x.id === d.id ? next : x)))}
                drop={() => setDrafts((all) => all.filter((x) => x.id !== d.id))}
                is={becomes(d)}
              />
            ))}
          </ul>
          {mistakes > 0 && <CheckBox label={t('profiles.anyway')} help={t('profiles.anyway-help')} value={anyway} change={setAnyway} />}
          {unreadable && <Banner tone="bad" title={t('profiles.unreadable')} />}
          <Failure error={act.error} />
          {told(act.error).length > 0 && <p class="help">{t('profiles.none-kept')}</p>}
          <footer>
            <Button kind="main" busy={act.busy} disabled={unchecked || unreadable || (mistakes > 0 && !anyway)} onClick={() => void act.run()}>{t('profiles.keep', { n: drafts.length })}</Button>
            <span class="soft">{t('profiles.all-or-none')}</span>
          </footer>
        </>
      )}
    </Card>
  );
}
