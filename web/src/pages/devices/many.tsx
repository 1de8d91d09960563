/* One act for many devices that is no command: blocked, served again, or something written down of them. How many it would change is
   looked at before, and that number is what is confirmed. */
import { useEffect, useState } from 'preact/hooks';
import { api, ApiError, onceKey } from '../../api/client';
import { changed, useAct } from '../../api/use';
import { t } from '../../i18n';
import type { Targets } from '../../parts/commands';
import { Banner, Button, Failure, Waiting } from '../../ui/basics';
import { Dialog } from '../../ui/dialog';
import { CheckBox, Choice, Form, TextField } from '../../ui/form';
import { Told } from '../../ui/text';
import { toast } from '../../ui/toasts';
import { fieldName } from '../../parts/fields';

export type ManyAct = 'block' | 'unblock' | 'set';
type Body = Record<string, unknown>;

interface Seen {
  devices: number;
  unchanged: number;
  refused: number;
  refusals: { id: string; message: string }[];
}

const EDITED = ['user', 'email', 'tag', 'note'];
const SURE: ManyAct = 'block'; // its number must be typed

function What({ told }: { told: Seen }) {
  return (
    <>
      <Banner tone={told.devices > 0 ? 'info' : 'none'} title={t('many.devices', { n: told.devices })}>{told.unchanged > 0 && t('many.unchanged', { n: told.unchanged })}</Banner>
      {told.refused > 0 && (
        <Banner tone="warn" title={t('many.refused', { n: told.refused })}>
          <ul class="reasons">{told.refusals.slice(0, 10).map((r) => <li key={r.id}><Told text={r.message} /></li>)}</ul>
        </Banner>
      )}
    </>
  );
}

function Go({ act, body, back, close }: { act: ManyAct; body: Body; back: (() => void) | undefined; close: () => void }) {
  const [told, setTold] = useState<Seen | null>(null);
  const [typed, setTyped] = useState('');
  const [key] = useState(onceKey);
  const look = useAct(async () => setTold(await api<Seen>('POST', '/devices/many/plan', { body })));
  const go = useAct(async (confirm: number) => {
    try {
      const done = await api<Seen>('POST', '/devices/many', { body: { ...body, confirm }, once: `${key} ${confirm}` });
      toast(t('many.done', { n: done.devices }));
    } catch (e) {
      if (e instanceof ApiError && e.code === 'unconfirmed') void look.run(); // other devices match meanwhile
      throw e;
    }
    await changed('/devices');
    close();
  });
  useEffect(() => void look.run(), []); // eslint-disable-line react-hooks/exhaustive-deps -- once
  const n = told?.devices ?? 0;
  const ready = n > 0 && (act !== SURE || typed.trim() === String(n));
  return (
    <Form submit={() => void (look.error ? look.run() : ready && go.run(n))}>
      {!told && !look.error && <Waiting />}
      {told && <What told={told} />}
      {act === SURE && n > 0 && <TextField label={t('confirm.type', { word: String(n) })} value={typed} change={setTyped} inputMode="numeric" autoComplete="off" autoFocus />}
      <Failure error={look.error ?? go.error} />
      <footer>
        <Button onClick={back ?? close}>{t(back ? 'back' : 'cancel')}</Button>
        <Button type="submit" kind={act === SURE ? 'danger' : 'main'} busy={go.busy || look.busy} disabled={!ready && !look.error}>{look.error ? t('send.next') : t(`many.go-${act}`, { n })}</Button>
      </footer>
    </Form>
  );
}

function Fill({ start, next }: { start: Record<string, string>; next: (texts: Record<string, string>) => void }) {
  const [field, setField] = useState(Object.keys(start)[0] ?? 'tag');
  const [text, setText] = useState(Object.values(start)[0] ?? '');
  const [clear, setClear] = useState(false);
  const ready = clear || text.trim() !== '';
  return (
    <Form submit={() => { if (ready) next({ [field]: clear ? '' : text.trim() }); }}>
      <p>{t('many.set-text')}</p>
      <Choice label={t('many.field')} value={field} options={EDITED.map((f): [string, string] => [f, fieldName(f)])} change={setField} />
      <TextField label={t('many.text')} value={text} change={setText} disabled={clear} autoFocus autoComplete="off" />
      <CheckBox label={t('many.clear')} value={clear} change={setClear} />
      <footer><Button type="submit" kind="main" disabled={!ready}>{t('send.next')}</Button></footer>
    </Form>
  );
}

export function Many({ act, targets, close }: { act: ManyAct; targets: Targets; close: () => void }) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [filled, setFilled] = useState(act !== 'set');
  return (
    <Dialog title={t(`many.${act}`)} close={close}>
      {act !== 'set' && <p>{t(`many.${act}-text`)}</p>}
      {filled
        ? <Go act={act} body={{ act, ...targets, ...texts }} back={act === 'set' ? () => setFilled(false) : undefined} close={close} />
        : <Fill start={texts} next={(x) => { setTexts(x); setFilled(true); }} />}
    </Dialog>
  );
}
