/* Tokens of programs: what each may, until when, and when it was used last. */
import { useState } from 'preact/hooks';
import { Plus } from 'lucide-preact';
import { api, segment } from '../api/client';
import type { Role } from '../api/session';
import { useAct, useApi } from '../api/use';
import { t, word } from '../i18n';
import { Badge, Banner, Button, Card, Clip, Empty, Failure, Page, type Tone, Waiting } from '../ui/basics';
import { Confirm, Dialog } from '../ui/dialog';
import { CheckBox, Choice, Form, TextField } from '../ui/form';
import { Table } from '../ui/table';
import { Time } from '../ui/text';
import { roleOptions } from './users';

/* Of include/face/access.def; a test compares them. */
const SCOPES = ['commands', 'devices', 'enroll', 'groups', 'profiles', 'pushcert', 'system', 'webhooks', 'accounts'];
const SPANS = ['', '30d', '90d', '365d'];

interface Token {
  name: string;
  state: 'active' | 'expired' | 'revoked';
  role: Role;
  scopes: string[] | null;
  created_at: string;
  created_by: string;
  expires_at: string | null;
  used_at: string | null;
}
const TONES: Record<Token['state'], Tone> = { active: 'ok', expired: 'none', revoked: 'none' };

function Make({ done, close }: { done: () => Promise<void>; close: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<string>('viewer');
  const [ttl, setTtl] = useState('90d');
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set());
  const [text, setText] = useState<string | null>(null);
  const act = useAct(async () => {
    const made = await api<{ token: string }>('POST', '/tokens', { body: { name, role, ...(ttl ? { ttl } : {}), ...(scopes.size ? { scopes: [...scopes] } : {}) } });
    setText(made.token);
    await done();
  });
  const toggle = (scope: string, on: boolean) => {
    const next = new Set(scopes);
    if (on) next.add(scope);
    else next.delete(scope);
    setScopes(next);
  };
  if (text !== null) {
    return (
      <Dialog title={t('tokens.made')}>
        <Banner tone="warn" title={t('tokens.once')} />
        <Clip text={text} />
        <footer><Button kind="main" onClick={close}>{t('tokens.kept')}</Button></footer>
      </Dialog>
    );
  }
  return (
    <Dialog title={t('tokens.make')} close={close}>
      <Form submit={() => void act.run()}>
        <TextField label={t('login.name')} help={t('tokens.name-help')} value={name} change={setName} autoComplete="off" autoFocus required />
        <Choice label={t('account.role')} help={word('role-help', role)} value={role} options={roleOptions()} change={setRole} />
        <Choice label={t('tokens.ends')} value={ttl} options={SPANS.map((s) => [s, word('tokens.span', s || 'never')])} change={setTtl} />
        <fieldset>
          <legend>{t('tokens.scopes')}</legend>
          <p class="help">{t('tokens.scopes-help')}</p>
          {SCOPES.map((s) => <CheckBox key={s} label={word('scope', s)} value={scopes.has(s)} change={(on) => toggle(s, on)} />)}
        </fieldset>
        <Failure error={act.error} />
        <footer>
          <Button onClick={close}>{t('cancel')}</Button>
          <Button type="submit" kind="main" busy={act.busy} disabled={name === ''}>{t('tokens.make')}</Button>
        </footer>
      </Form>
    </Dialog>
  );
}

export default function Tokens() {
  const { data, error, loading, again } = useApi<{ tokens: Token[] }>('/tokens');
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const revoke = useAct(async (token: Token) => {
    await api('DELETE', `/tokens/${segment(token.name)}`);
    await again();
    setRevoking(null);
  });
  return (
    <Page title={t('nav.tokens')} lead={t('tokens.lead')} actions={<Button kind="main" icon={<Plus size={16} aria-hidden="true" />} onClick={() => setMaking(true)}>{t('tokens.make')}</Button>}>
      <Failure error={error} />
      {loading && <Waiting />}
      {data?.tokens.length === 0 && <Empty>{t('tokens.none')}</Empty>}
      {data && data.tokens.length > 0 && (
        <Card>
          <Table
            caption={t('nav.tokens')}
            rows={data.tokens}
            id={(k) => k.name}
            columns={[
              { id: 'name', name: t('login.name'), cell: (k) => <bdi>{k.name}</bdi> },
              { id: 'state', name: t('users.state'), cell: (k) => <Badge tone={TONES[k.state]}>{word('tokens.state', k.state)}</Badge> },
              { id: 'role', name: t('account.role'), cell: (k) => word('role', k.role) },
              { id: 'scopes', name: t('tokens.scopes'), cell: (k) => (k.scopes ? k.scopes.map((s) => word('scope', s)).join(', ') : t('tokens.all')) },
              { id: 'made', name: t('tokens.created'), cell: (k) => <><Time at={k.created_at} /> · <bdi>{k.created_by}</bdi></> },
              { id: 'ends', name: t('tokens.ends'), cell: (k) => (k.expires_at ? <Time at={k.expires_at} /> : t('never')) },
              { id: 'used', name: t('tokens.used'), cell: (k) => <Time at={k.used_at} /> },
              { id: 'act', name: <span class="hidden">{t('acts')}</span>, cell: (k) => k.state === 'active' && <Button kind="danger" onClick={() => setRevoking(k)}>{t('tokens.revoke')}</Button>, align: 'end' },
            ]}
          />
        </Card>
      )}
      {making && <Make done={again} close={() => setMaking(false)} />}
      {revoking && (
        <Confirm title={t('tokens.revoke')} verb={t('tokens.revoke')} danger busy={revoke.busy} error={revoke.error} go={() => void revoke.run(revoking)} close={() => setRevoking(null)}>
          <p>{t('tokens.revoke-text', { name: revoking.name })}</p>
        </Confirm>
      )}
    </Page>
  );
}
