/* What Apple's support asks for to move the certificate to another Apple Account. */
import { useState } from 'preact/hooks';
import { api, request, segment } from '../../api/client';
import { may } from '../../api/session';
import { useAct, useApi } from '../../api/use';
import { t, word } from '../../i18n';
import { Badge, Banner, Button, Card, Facts, Failure, Waiting } from '../../ui/basics';
import { save } from '../../ui/files';
import { CheckBox, Choice, Form, TextField } from '../../ui/form';
import { Moment, Time, Told, Words } from '../../ui/text';
import { toast } from '../../ui/toasts';

const STATES = ['open', 'asked', 'called-back', 'approved', 'done'];
const OWN = ['target_account', 'created_by', 'contact'] as const;

interface Data {
  topic: string;
  state: string;
  target_account: string | null;
  created_by: string | null;
  contact: string | null;
  facts: { name: string; label: string; value: string | null }[];
  gaps: { name: string }[];
  checklist: { item: string; text: string; checked_at: string | null; checked_by: string | null }[];
  warnings: { slug: string; text: string }[];
  next: string;
  updated_at: string | null;
}

function Own({ dossier, change }: { dossier: Data; change: (body: Record<string, unknown>) => Promise<boolean> }) {
  const [typed, setTyped] = useState<Partial<Record<(typeof OWN)[number], string>>>({});
  return (
    <Form submit={() => void change(typed).then((done) => { if (done) toast(t('saved')); })}>
      {OWN.map((field) => (
        <TextField key={field} label={word('dossier.fact', field)} value={typed[field] ?? dossier[field] ?? ''} change={(text) => setTyped({ ...typed, [field]: text })} />
      ))}
      <footer><Button type="submit">{t('save')}</Button></footer>
    </Form>
  );
}

export function Dossier({ topic }: { topic: string }) {
  const path = `/pushcerts/dossier?topic=${segment(topic)}`;
  const { data, error, loading, again } = useApi<{ dossier: Data }>(path, { on: (c) => c.kind.startsWith('pushcert.') });
  const dossier = data?.dossier;
  const act = useAct(async (body: Record<string, unknown>) => {
    await api('PUT', '/pushcerts/dossier', { body: { topic, updated_at: dossier?.updated_at ?? null, ...body } });
    await again();
  });
  const file = useAct(async () => save('dossier.html', await (await request('GET', '/pushcerts/dossier', { query: { topic, format: 'html' } })).blob(), 'text/html'));
  if (!dossier) return <>{loading && <Waiting />}<Failure error={error} /></>;
  const missing = new Set(dossier.gaps.map((g) => g.name));
  return (
    <>
      <Card title={t('dossier.title')} actions={<Button busy={file.busy} onClick={() => void file.run()}>{t('dossier.file')}</Button>}>
        <p>{t('dossier.text')}</p>
        <Failure error={file.error} />
        <Facts
          rows={dossier.facts.map((f): [string, preact.ComponentChildren] => [
            word('dossier.fact', f.name),
            missing.has(f.name) ? <Badge tone="warn">{t('dossier.missing')}</Badge> : f.name === 'not_after' ? <Moment at={f.value} /> : <Told text={f.value} />,
          ])}
        />
      </Card>
      <Card title={t('dossier.way')}>
        {dossier.warnings.map((w) => <Banner key={w.slug} tone="warn" title={<Words text={w.text} />} />)}
        <Failure error={act.error} />
        {may('admin') && <Own dossier={dossier} change={act.run} />}
        <Choice label={t('dossier.state')} value={dossier.state} disabled={!may('admin')} options={STATES.map((s) => [s, word('dossier.state', s)])} change={(state) => void act.run({ state })} />
        {dossier.checklist.map((c) => (
          <CheckBox
            key={c.item}
            label={word('dossier.check', c.item)}
            help={c.checked_at ? <><Time at={c.checked_at} />, <bdi>{c.checked_by}</bdi></> : undefined}
            value={c.checked_at !== null}
            disabled={!may('admin')}
            change={(on) => void act.run({ checklist: { [c.item]: on } })}
          />
        ))}
      </Card>
    </>
  );
}
