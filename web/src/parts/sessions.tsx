/* Who is logged in, and ending it. */
import { api } from '../api/client';
import { tells } from '../api/live';
import { useAct, useApi } from '../api/use';
import { t, word } from '../i18n';
import { Badge, Button, Failure, Waiting } from '../ui/basics';
import { Table } from '../ui/table';
import { Time, Told } from '../ui/text';

interface Row {
  id: number;
  name: string;
  method: string;
  peer: string;
  agent: string;
  created_at: string;
  seen_at: string;
  ends_at: string;
  current: boolean;
}

/* A browser's name out of what it says of itself, for people; the whole stands in the tip. */
function browser(agent: string): string {
  const found = /(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/.exec(agent.replace(/Chrome\/\d+\S* (?=.*(Edg|OPR)\/)/, ''));
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', Version: 'Safari' };
  return found ? `${names[found[1] ?? ''] ?? found[1] ?? ''} ${found[2] ?? ''}` : agent.slice(0, 40);
}

export function Sessions({ path, people = false }: { path: '/me/sessions' | '/sessions'; people?: boolean }) {
  const { data, error, loading, again } = useApi<{ sessions: Row[] }>(path, { on: tells('account'), every: 60_000 });
  const end = useAct(async (id: number) => {
    await api('DELETE', `${path}/${id}`);
    await again();
  });
  return (
    <>
      <Failure error={error ?? end.error} />
      {loading && <Waiting />}
      {data && (
        <Table
          caption={t('sessions.title')}
          rows={data.sessions}
          id={(s) => String(s.id)}
          columns={[
            ...(people ? [{ id: 'name', name: t('login.name'), cell: (s: Row) => <bdi>{s.name}</bdi> }] : []),
            { id: 'browser', name: t('sessions.browser'), cell: (s) => <span title={s.agent}><Told text={browser(s.agent)} most={60} /></span> },
            { id: 'from', name: t('sessions.from'), cell: (s) => <bdi>{s.peer}</bdi> },
            { id: 'by', name: t('sessions.method'), cell: (s) => word('sessions.method', s.method) },
            { id: 'begun', name: t('sessions.begun'), cell: (s) => <Time at={s.created_at} /> },
            { id: 'seen', name: t('sessions.seen'), cell: (s) => <Time at={s.seen_at} /> },
            { id: 'end', name: <span class="hidden">{t('acts')}</span>, cell: (s) => (s.current ? <Badge tone="info">{t('sessions.this')}</Badge> : <Button busy={end.busy} onClick={() => void end.run(s.id)}>{t('sessions.end')}</Button>), align: 'end' },
          ]}
        />
      )}
    </>
  );
}
