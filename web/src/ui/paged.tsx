/* A list that the server gives by pages: the next one follows below when it is asked for. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type UseOptions, useApi } from '../api/use';
import { t } from '../i18n';
import { Button, Empty, Failure, Waiting } from './basics';

interface Props<T> extends UseOptions {
  path: string; // with its query, without cursor
  of: string; // the list's name in the answer
  empty: ComponentChildren;
  children: (rows: T[]) => ComponentChildren;
}

export function Paged<T>({ cursor, ...props }: Props<T> & { cursor?: string | number }) {
  const { path, of, empty, children, ...options } = props;
  const [more, setMore] = useState(false);
  const at = cursor === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;
  const { data, error } = useApi<Record<string, unknown>>(at, options);
  if (!data) return error ? <Failure error={error} /> : <Waiting />;
  const rows = data[of] as T[];
  const next = data.next as string | number | null;
  if (cursor === undefined && rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    <>
      <Failure error={error} />
      {children(rows)}
      {next !== null && (more ? <Paged<T> {...props} cursor={next} /> : <p><Button onClick={() => setMore(true)}>{t('more')}</Button></p>)}
    </>
  );
}
