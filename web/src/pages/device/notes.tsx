/* What operators know of a device. Who changed it meanwhile is not overwritten: both texts are shown, and nothing is lost. */
import { useState } from 'preact/hooks';
import { answer, api, ApiError, segment } from '../../api/client';
import { may } from '../../api/session';
import { changed, useAct } from '../../api/use';
import { t } from '../../i18n';
import { Banner, Button, Card, Facts, Failure } from '../../ui/basics';
import { Form, TextField } from '../../ui/form';
import { Told } from '../../ui/text';
import { toast } from '../../ui/toasts';
import { fieldName } from '../../parts/fields';
import type { Whole } from './data';

const EDITED = ['user', 'email', 'tag', 'note'] as const;
type Edited = (typeof EDITED)[number];
type Texts = Record<Edited, string>;

const textOf = (device: Whole, field: Edited) => (device.fields[field] === undefined ? '' : String(device.fields[field]));
const textsOf = (device: Whole): Texts => ({ user: textOf(device, 'user'), email: textOf(device, 'email'), tag: textOf(device, 'tag'), note: textOf(device, 'note') });

/* theirs: what stands there now, since somebody else changed it. */
function Conflict({ mine, theirs, take }: { mine: Texts; theirs: Texts; take: (field: Edited, text: string) => void }) {
  const differ = EDITED.filter((f) => mine[f] !== theirs[f]);
  return (
    <Banner tone="warn" title={t('notes.conflict')}>
      <p>{t('notes.conflict-text')}</p>
      {differ.map((f) => (
        <div key={f} class="conflict">
          <strong>{fieldName(f)}</strong>
          <p>{t('notes.theirs')} <Told text={theirs[f]} /></p>
          <p>{t('notes.mine')} <Told text={mine[f]} /></p>
          <Button onClick={() => take(f, theirs[f])}>{t('notes.take-theirs')}</Button>
        </div>
      ))}
    </Banner>
  );
}

function Edit({ device, etag, done }: { device: Whole; etag: string | null; done: () => void }) {
  const [texts, setTexts] = useState(() => textsOf(device));
  const [base, setBase] = useState({ texts: textsOf(device), etag });
  const [theirs, setTheirs] = useState<Texts | null>(null);
  const path = `/devices/${segment(device.id)}`;
  const act = useAct(async () => {
    const change = Object.fromEntries(EDITED.filter((f) => texts[f] !== base.texts[f]).map((f) => [f, texts[f]]));
    try {
      await api('PATCH', path, { body: change, ifMatch: base.etag ?? undefined });
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 412) throw e;
      const now = await answer<Whole>('GET', path);
      setTheirs(textsOf(now.data));
      setBase({ texts: textsOf(now.data), etag: now.etag });
      return;
    }
    toast(t('notes.kept'));
    await changed('/devices');
    done();
  });
  return (
    <Form submit={() => void act.run()}>
      {theirs && <Conflict mine={texts} theirs={theirs} take={(f, text) => setTexts({ ...texts, [f]: text })} />}
      {EDITED.map((f, i) => (
        <TextField key={f} label={fieldName(f)} value={texts[f]} change={(text) => setTexts({ ...texts, [f]: text })} autoFocus={i === 0} autoComplete="off" {...(f === 'email' ? { type: 'email' } : {})} />
      ))}
      <Failure error={act.error} />
      <footer>
        <Button onClick={done}>{t('cancel')}</Button>
        <Button type="submit" kind="main" busy={act.busy}>{t(theirs ? 'notes.keep-anyway' : 'notes.keep')}</Button>
      </footer>
    </Form>
  );
}

export function Notes({ device, etag }: { device: Whole; etag: string | null }) {
  const [editing, setEditing] = useState(false);
  return (
    <Card title={t('notes.title')} actions={!editing && may('operator') && <Button onClick={() => setEditing(true)}>{t('edit')}</Button>}>
      {editing
        ? <Edit device={device} etag={etag} done={() => setEditing(false)} />
        : <Facts rows={EDITED.map((f) => [fieldName(f), <Told text={textOf(device, f)} />])} />}
    </Card>
  );
}
