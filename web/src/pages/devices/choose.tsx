/* Which columns the list has. */
import { t } from '../../i18n';
import { Button } from '../../ui/basics';
import { Dialog } from '../../ui/dialog';
import { fieldName } from '../../parts/fields';
import { ALL_COLUMNS } from './columns';

export function ChooseColumns({ chosen, choose, reset, close }: { chosen: string[]; choose: (columns: string[]) => void; reset: () => void; close: () => void }) {
  const tick = (field: string, on: boolean) => choose(on ? [...chosen, field] : chosen.filter((x) => x !== field));
  return (
    <Dialog title={t('devices.columns')} close={close} wide>
      <p class="help">{t('devices.columns-help')}</p>
      <div class="tick-list">
        {ALL_COLUMNS.map((field) => (
          <label key={field}>
            <input type="checkbox" checked={chosen.includes(field)} disabled={field === 'name'} onChange={(e) => tick(field, e.currentTarget.checked)} /> {fieldName(field)}
          </label>
        ))}
      </div>
      <footer><Button onClick={reset}>{t('devices.columns-reset')}</Button><Button kind="main" onClick={close}>{t('done')}</Button></footer>
    </Dialog>
  );
}
