/* User, e-mail, tag and note of many devices from a table; what is wrong in it is told by line before anything changes. */
import { useState } from 'preact/hooks';
import { api } from '../../api/client';
import { changed, useAct } from '../../api/use';
import { number, t } from '../../i18n';
import { Banner, Button, Failure } from '../../ui/basics';
import { Dialog } from '../../ui/dialog';
import { FileDrop } from '../../ui/form';
import { Table } from '../../ui/table';
import { Name, Words } from '../../ui/text';
import { toast } from '../../ui/toasts';

interface Mistake {
  line: number;
  message: string;
}
interface Read {
  devices: number;
  mistakes: Mistake[];
  mistakes_total: number;
}

const EXAMPLE = 'serial,user,email,tag,note\nC02XY1234567,Anna Example,anna@example.org,A-0017,on loan';

function Outcome({ file, read, busy, go }: { file: File; read: Read; busy: boolean; go: () => void }) {
  const rows = read.mistakes;
  return (
    <>
      <p><Name text={file.name} /></p>
      {read.mistakes_total === 0
        ? <Banner tone="ok" title={t('import.ready', { n: read.devices })} />
        : (
          <>
            <Banner tone="bad" title={t('import.mistakes', { n: read.mistakes_total })}>{t('import.nothing')}</Banner>
            <Table
              caption={t('import.mistakes', { n: read.mistakes_total })}
              rows={rows}
              id={(m) => `${m.line}-${m.message}`}
              columns={[
                { id: 'line', name: t('import.line'), cell: (m) => number(m.line), align: 'end' },
                { id: 'text', name: t('import.mistake'), cell: (m) => <Words text={m.message} /> },
              ]}
            />
          </>
        )}
      {read.mistakes_total === 0 && read.devices > 0 && <footer><Button kind="main" busy={busy} onClick={go}>{t('import.go', { n: read.devices })}</Button></footer>}
    </>
  );
}

export function Import({ close }: { close: () => void }) {
  const [taken, setTaken] = useState<{ file: File; read: Read } | null>(null);
  const look = useAct(async (file: File) => {
    setTaken(null);
    setTaken({ file, read: await api<Read>('POST', '/devices/import', { query: { dry_run: 'yes' }, body: file, type: 'text/csv' }) });
  });
  const go = useAct(async (file: File) => {
    const done = await api<Read>('POST', '/devices/import', { body: file, type: 'text/csv' });
    toast(t('import.done', { n: done.devices }));
    await changed('/devices');
    close();
  });
  return (
    <Dialog title={t('import.title')} close={close} wide>
      <p>{t('import.help')}</p>
      <pre tabIndex={0}>{EXAMPLE}</pre>
      <FileDrop label={t('import.file')} accept=".csv,text/csv" take={(files) => { if (files[0]) void look.run(files[0]); }} />
      <Failure error={look.error} />
      {taken && <Outcome file={taken.file} read={taken.read} busy={go.busy} go={() => void go.run(taken.file)} />}
      <Failure error={go.error} />
    </Dialog>
  );
}
