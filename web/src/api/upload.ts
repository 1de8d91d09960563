/* A large file on its way up, with how far it is; fetch() does not tell. */
import { ApiError, csrfToken, errorFrom, reachable, sessionEnded } from './client';

export interface Upload {
  done: Promise<unknown>; // the answer; rejects with ApiError, of code "aborted" when it was stopped here
  stop: () => void;
}

export function upload(method: string, path: string, file: Blob, progress: (sent: number) => void): Upload {
  const x = new XMLHttpRequest();
  const done = new Promise<unknown>((resolve, reject) => {
    const fail = (code: string) => () => reject(new ApiError(0, code, '', '', {}));
    x.open(method, '/api/v1' + path);
    x.responseType = 'json';
    x.setRequestHeader('Accept', 'application/json');
    x.setRequestHeader('Content-Type', 'application/octet-stream');
    x.setRequestHeader('X-CSRF-Token', csrfToken());
    x.upload.addEventListener('progress', (e) => progress(e.loaded));
    x.upload.addEventListener('load', () => progress(file.size));
    x.addEventListener('abort', fail('aborted'));
    x.addEventListener('error', () => {
      reachable.value = false;
      fail('unreachable')();
    });
    x.addEventListener('load', () => {
      reachable.value = true;
      if (x.status === 401) sessionEnded.value = true;
      if (x.status >= 200 && x.status < 300) resolve(x.response);
      else reject(errorFrom(x.status, x.response));
    });
  });
  x.send(file);
  return { done, stop: () => x.abort() };
}
