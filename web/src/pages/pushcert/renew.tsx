/* From the request to the import, in the order in which it is done. Where each step stands is kept by the server: the request is there
   when somebody comes back with the certificate next week. */
import { useState } from 'preact/hooks';
import { api } from '../../api/client';
import { may } from '../../api/session';
import { changed, useAct, useApi } from '../../api/use';
import { rich, t } from '../../i18n';
import { Banner, Button, Card, Clip, Failure, Facts } from '../../ui/basics';
import { CheckBox, Choice, FileDrop, Form, PasswordField, TextField } from '../../ui/form';
import { base64, save } from '../../ui/files';
import { Code, Day, Moment, Words } from '../../ui/text';
import { type Anyway, Refusal } from './refusal';
import type { CertRequest, Imported, PushCert } from './types';

const PORTAL = 'https://identity.apple.com/pushcert';

/* ---- 1. the request ---- */

function Request({ cert, newest, again }: { cert: PushCert | undefined; newest: CertRequest | undefined; again: () => Promise<void> }) {
  const [sameKey, setSameKey] = useState(false);
  const [email, setEmail] = useState('');
  const act = useAct(async () => {
    await api('POST', '/pushcerts/requests', { body: { ...(cert ? { topic: cert.topic, same_key: sameKey } : {}), ...(email ? { email } : {}) } });
    await again();
  });
  return (
    <Card title={t('renew.request')}>
      <p>{t('renew.request-text')}</p>
      {newest && (
        <Facts
          rows={[
            [t('renew.made'), <><Moment at={newest.created_at} />, <bdi>{newest.created_by}</bdi></>],
            [t('renew.csr'), <Button onClick={() => save('push.csr', newest.csr)}>{t('download')}</Button>],
          ]}
        />
      )}
      <Form submit={() => void act.run()}>
        <TextField label={t('renew.email')} help={t('renew.email-help')} value={email} change={setEmail} type="email" />
        {cert && <CheckBox label={t('renew.same-key')} help={t('renew.same-key-help')} value={sameKey} change={setSameKey} />}
        <Failure error={act.error} />
        <footer><Button type="submit" kind={newest ? 'plain' : 'main'} busy={act.busy}>{t(newest ? 'renew.make-another' : 'renew.make')}</Button></footer>
      </Form>
    </Card>
  );
}

/* ---- 2. its signing ---- */

interface Vendors {
  vendor_certificates: { subject: string; not_after: string }[];
}

async function filesOf(list: File[]) {
  return Promise.all(list.map(async (f) => ({ name: f.name, data: await base64(f) })));
}

function Sign({ newest }: { newest: CertRequest | undefined }) {
  const vendors = useApi<Vendors>('/pushcerts/vendor');
  const [way, setWay] = useState('vendor');
  const [email, setEmail] = useState('');
  const [sent, setSent] = useState(false);
  const [passphrase, setPassphrase] = useState('');
  const vendor = vendors.data?.vendor_certificates[0];
  const sign = useAct(async () => {
    const { signed_request } = await api<{ signed_request: string }>('POST', '/pushcerts/sign', { body: newest ? { request: newest.id } : {} });
    save('push-signed.b64', signed_request);
  });
  const upload = useAct(async (files: File[]) => {
    await api('PUT', '/pushcerts/vendor', { body: { files: await filesOf(files), ...(passphrase ? { passphrase } : {}) } });
    await vendors.again();
  });
  const ask = useAct(async () => {
    await api('POST', '/pushcerts/mdmcert', { body: { email, ...(newest ? { request: newest.id } : {}) } });
    setSent(true);
  });
  const opened = useAct(async (files: File[]) => {
    const { signed_request } = await api<{ signed_request: string }>('POST', '/pushcerts/mdmcert-answer', { body: { files: await filesOf(files) } });
    save('push-signed.b64', signed_request);
  });
  return (
    <Card title={t('renew.sign')}>
      <p>{t('renew.sign-text')}</p>
      <Choice label={t('renew.way')} value={way} change={setWay} options={[['vendor', t('renew.way-vendor')], ['mdmcert', t('renew.way-mdmcert')], ['other', t('renew.way-other')]]} />
      {way === 'vendor' && (
        <>
          {vendor && <Facts rows={[[t('renew.vendor'), <bdi>{vendor.subject}</bdi>], [t('pushcert.ends'), <Moment at={vendor.not_after} />]]} />}
          {vendor && <p><Button kind="main" busy={sign.busy} disabled={!newest} onClick={() => void sign.run()}>{t('renew.sign-now')}</Button></p>}
          <Failure error={sign.error} />
          <PasswordField label={t('renew.passphrase')} help={t('renew.passphrase-help')} value={passphrase} change={setPassphrase} autoComplete="off" />
          <FileDrop label={t(vendor ? 'renew.vendor-another' : 'renew.vendor-drop')} help={t('renew.vendor-help')} multiple take={(files) => void upload.run(files)} />
          <Failure error={upload.error} />
        </>
      )}
      {way === 'mdmcert' && (
        <>
          <Form submit={() => void ask.run()}>
            <TextField label={t('renew.mdmcert-email')} value={email} change={setEmail} type="email" required />
            <Failure error={ask.error} />
            <footer><Button type="submit" kind="main" busy={ask.busy} disabled={!newest}>{t('renew.mdmcert-send')}</Button></footer>
          </Form>
          {sent && <Banner tone="ok" title={t('renew.mdmcert-sent')} />}
          <FileDrop label={t('renew.mdmcert-drop')} accept=".p7,.b64,.plist" take={(files) => void opened.run(files)} />
          <Failure error={opened.error} />
        </>
      )}
      {way === 'other' && <p>{t('renew.other-text')}</p>}
    </Card>
  );
}

/* ---- 3. the portal ---- */

function Portal({ cert, note }: { cert: PushCert | undefined; note: string | undefined }) {
  return (
    <Card title={t('renew.portal')}>
      <ol class="steps">
        <li>
          {rich(cert ? 'renew.step-sign-in' : 'renew.step-sign-in-first', {
            portal: <a href={PORTAL} rel="noreferrer" target="_blank">{PORTAL}</a>,
            account: cert?.apple_id ? <bdi><strong>{cert.apple_id}</strong></bdi> : <strong>{t('pushcert.account-unknown')}</strong>,
          })}
        </li>
        {cert ? (
          <li>
            {rich('renew.step-row', { renew: <strong>Renew</strong>, create: <strong>Create a Certificate</strong>, revoke: <strong>Revoke</strong> })}
            <Facts
              rows={[
                ['UID', <Code>{cert.topic}</Code>],
                [t('pushcert.serial'), <><Code>{cert.serial_number}</Code> <span class="soft">{t('pushcert.decimal', { serial: cert.serial_number_decimal })}</span></>],
                [t('pushcert.ends'), <Day at={cert.not_after} />],
              ]}
            />
          </li>
        ) : (
          <li>{rich('renew.step-create', { create: <strong>Create a Certificate</strong> })}</li>
        )}
        {note !== undefined && <li>{t('renew.step-note')}<Clip text={note} /></li>}
        <li>{t('renew.step-upload')}</li>
      </ol>
    </Card>
  );
}

/* ---- 4. the import ---- */

function Import({ done }: { done: () => Promise<void> }) {
  const [passphrase, setPassphrase] = useState('');
  const [files, setFiles] = useState<File[]>([]);
  const [result, setResult] = useState<Imported | null>(null);
  const act = useAct(async (list: File[], how?: Anyway) => {
    setFiles(list);
    setResult(null);
    const body = { files: await filesOf(list), ...(passphrase ? { passphrase } : {}) };
    setResult(await api<Imported>('PUT', '/pushcerts', { query: how ? { [how]: 1 } : {}, body }));
    await Promise.all([done(), changed('/pushcerts', '/guardian', '/status', '/overview')]);
  });
  return (
    <Card title={t('renew.import')}>
      <p>{t('renew.import-text')}</p>
      <PasswordField label={t('renew.passphrase')} help={t('renew.passphrase-help')} value={passphrase} change={setPassphrase} autoComplete="off" />
      <FileDrop label={t('renew.import-drop')} help={t('renew.import-help')} multiple take={(list) => void act.run(list)} />
      {act.busy && <p role="status">{t('renew.asking')}</p>}
      <Refusal error={act.error} verb={t('renew.go-anyway')} anyway={(how) => void act.run(files, how)} />
      {result && (
        <Banner tone="ok" title={rich('renew.imported', { date: <Day at={result.not_after} /> })}>
          <ul>{(result.notes ?? []).map((n) => <li key={n}><Words text={n} /></li>)}</ul>
        </Banner>
      )}
    </Card>
  );
}

export function Renew({ cert, done }: { cert: PushCert | undefined; done: () => Promise<void> }) {
  const requests = useApi<{ requests: CertRequest[] }>('/pushcerts/requests');
  if (!may('admin')) return <p>{t('renew.not-allowed')}</p>;
  const newest = requests.data?.requests.find((r) => r.used_at === null && (cert ? r.topic === cert.topic : true));
  return (
    <>
      {cert && <Banner tone="warn" title={t('renew.warning')}>{t('renew.warning-text', { account: cert.apple_id ?? t('pushcert.account-unknown') })}</Banner>}
      <Failure error={requests.error} />
      <Request cert={cert} newest={newest} again={requests.again} />
      <Sign newest={newest} />
      <Portal cert={cert} note={newest?.note} />
      <Import done={done} />
    </>
  );
}

