/* What pages show of the server: read once for all who want it, read again when it changes. */
import { useEffect, useRef, useState } from 'preact/hooks';
import useSWR, { mutate } from 'swr';
import { reachable } from './alive';
import { type Answer, type ApiError, answer, sessionEnded } from './client';
import { type Change, hear } from './live';

export interface Used<T> {
  data: T | undefined;
  etag: string | null;
  error: ApiError | undefined;
  loading: boolean; // for the first time
  looking: boolean; // also again
  again: () => Promise<void>;
}

export interface UseOptions {
  on?: (change: Change) => boolean; // which changes concern it
  every?: number; // ms: what changes by itself
  calm?: boolean; // not again because the window is looked at: it costs much, or a form stands on it
}

const AT_MOST_EVERY = 1000; // ms

/* path NULL: nothing is read. What was shown stays while the next is read. */
export function useApi<T>(path: string | null, options: UseOptions = {}): Used<T> {
  const { data, error, isLoading, isValidating, mutate: again } = useSWR<Answer<T>, ApiError>(
    path,
    (p: string) => answer<T>('GET', p),
    { keepPreviousData: true, revalidateOnFocus: options.calm !== true, dedupingInterval: 200, errorRetryInterval: 3000, refreshInterval: options.every ?? 0 },
  );
  const on = useRef(options.on);
  on.current = options.on;
  useEffect(() => {
    if (!path) return undefined;
    let timer = 0;
    let last = 0;
    const look = () => {
      timer = 0;
      last = Date.now();
      void again();
    };
    const stop = hear((changes) => {
      const concerns = changes === 'all' || changes.some((c) => on.current?.(c));
      if (concerns && !timer) timer = window.setTimeout(look, Math.max(0, last + AT_MOST_EVERY - Date.now()));
    });
    return () => {
      stop();
      window.clearTimeout(timer);
    };
  }, [path, again]);
  return {
    data: data?.data,
    etag: data?.etag ?? null,
    error,
    loading: isLoading,
    looking: isValidating,
    again: async () => {
      await again();
    },
  };
}

/* Nobody answers now, or nobody is logged in: what is looked at by itself is looked at again afterwards. */
export const useAway = () => sessionEnded.value || !reachable.value;

/* After an act: everything below these paths is read again. */
export function changed(...paths: string[]) {
  return mutate((key) => typeof key === 'string' && paths.some((p) => key === p || key.startsWith(p + '/') || key.startsWith(p + '?')));
}

export interface Act<A extends unknown[]> {
  run: (...args: A) => Promise<boolean>; // true: done
  busy: boolean;
  error: ApiError | undefined;
  clear: () => void;
}

/* An act of a person: busy while it lasts, its error stays to be shown. */
export function useAct<A extends unknown[]>(f: (...args: A) => Promise<void>): Act<A> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | undefined>(undefined);
  const run = async (...args: A) => {
    setBusy(true);
    setError(undefined);
    try {
      await f(...args);
      return true;
    } catch (e) {
      setError(e as ApiError);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, error, clear: () => setError(undefined) };
}
