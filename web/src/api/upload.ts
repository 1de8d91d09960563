/* A large file on its way up, with how far it is; fetch() does not tell. While its bytes go, nothing limits it. */
import { awaiting, heard, missed } from './alive';
import { ApiError, csrfToken, errorFrom, sessionEnded } from './client';

const PATIENCE = 180_000; // ms without the server: so long an upload may stand still there, too

export interface Upload {
  done: Promise<unknown>; // the answer; rejects with ApiError, of code "aborted" when it was stopped here
  stop: () => void;
}

export function upload(method: string, path: string, file: Blob, progress: (sent: number) => void): Upload {
  const x = new XMLHttpRequest();
  let why = 'aborted';
  const over = awaiting(() => {
    why = 'unreachable';
    x.abort();
  }, false, PATIENCE);
  const done = new Promise<unknown>((resolve, reject) => {
    const fail = (code: string) => reject(new ApiError(0, code, '', '', {}));
    x.open(method, '/api/v1' + path);
    x.responseType = 'json';
    x.setRequestHeader('Accept', 'application/json');
    x.setRequestHeader('Content-Type', 'application/octet-stream');
    x.setRequestHeader('X-CSRF-Token', csrfToken());
    x.upload.addEventListener('progress', (e) => {
      heard();
      progress(e.loaded);
    });
    x.upload.addEventListener('load', () => progress(file.size));
    x.addEventListener('loadend', over);
    x.addEventListener('abort', () => fail(why));
    x.addEventListener('error', () => {
      missed();
      fail('unreachable');
    });
    x.addEventListener('load', () => {
      heard();
      if (x.status === 401) sessionEnded.value = true;
      if (x.status >= 200 && x.status < 300) resolve(x.response);
      else reject(errorFrom(x.status, x.response));
    });
  });
  x.send(file);
  return { done, stop: () => x.abort() };
}
