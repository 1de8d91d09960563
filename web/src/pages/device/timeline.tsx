/* Everything that happened to a device, newest first. */
import { useState } from 'preact/hooks';
import { segment, withQuery } from '../../api/client';
import { useApi } from '../../api/use';
import { t } from '../../i18n';
import { Button, Card, Empty, Failure, Waiting } from '../../ui/basics';
import { Moment, Told } from '../../ui/text';

interface Entry {
  at: string;
  what: string;
  was: string | null;
  now: string | null;
}
interface Page {
  changes: Entry[];
  next: number | null;
}

function Part({ device, cursor }: { device: string; cursor: number | null }) {
  const [more, setMore] = useState(false);
  const page = useApi<Page>(withQuery(`/devices/${segment(device)}/changes`, { limit: 50, cursor: cursor ?? undefined }), { on: (c) => cursor === null && c.device === device });
  if (!page.data) return page.error ? <Failure error={page.error} /> : <Waiting />;
  const { changes, next } = page.data;
  return (
    <>
      {changes.length === 0 && cursor === null && <Empty>{t('timeline.none')}</Empty>}
      <ol class="timeline">
        {changes.map((e, i) => (
          <li key={i}>
            <Moment at={e.at} />
            <span><strong>{e.what}</strong> {e.was !== null && <><Told text={e.was} /> → </>}<Told text={e.now} /></span>
          </li>
        ))}
      </ol>
      {next !== null && !more && <Button onClick={() => setMore(true)}>{t('commands.more')}</Button>}
      {next !== null && more && <Part device={device} cursor={next} />}
    </>
  );
}

export function Timeline({ device }: { device: string }) {
  return <Card title={t('device.tab-timeline')} wide><Part device={device} cursor={null} /></Card>;
}
