/* The code of a page comes when it is looked at for the first time. */
import { missed, reachable } from './alive';

async function answered() {
  let stop = () => {};
  await new Promise<void>((done) => {
    stop = reachable.subscribe((is) => {
      if (is) done();
    });
  });
  stop();
}

/* Its file may not come: the server is away, or another version of it, with other files, is there now. When it answers, it is asked
   once more; then the page is begun anew, at the address that was asked for. */
export async function coming<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch {
    missed();
  }
  await answered();
  try {
    return await load();
  } catch {
    window.location.reload();
  }
  return new Promise(() => {}); // nothing any more
}
