/* The work of a day: devices come in, are restarted, get profiles by groups; and what goes wrong meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, profile } from './world.mjs';

const world = await lab('--supervised');
const page = await world.enter();

test('a link that is made in the console enrolls a device, which is seen without a reload', async () => {
  await world.show(page, '/enrollment');
  await page.getByRole('button', { name: 'Make a link' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  await dialog.getByRole('img').waitFor();
  const link = await dialog.locator('.clip code').first().textContent();
  await dialog.getByRole('button', { name: 'I have it' }).click();
  const row = page.getByRole('table', { name: 'Links' }).getByRole('row').nth(1);
  await row.getByText('open', { exact: true }).waitFor();
  await world.devices(link, 1, '--platform', 'ios');
  await row.getByText('used up', { exact: true }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('a profile with a mistake is told by line and key, mended, and kept', async () => {
  const wrong = profile('org.example.office', 'Office', '<key>SSID_STR</key><integer>5</integer>');
  const line = wrong.toString().split('\n').findIndex((l) => l.includes('SSID_STR')) + 1;
  await world.show(page, '/profiles');
  await page.locator('main').dispatchEvent('dragenter', { dataTransfer: await page.evaluateHandle(() => { const t = new DataTransfer(); t.items.add(new File(['x'], 'x.mobileconfig')); return t; }) });
  await page.getByLabel('Drop .mobileconfig files here, or choose them').setInputFiles({ name: 'office.mobileconfig', mimeType: 'application/x-apple-aspen-config', buffer: wrong });
  const finding = page.locator('.finding', { hasText: 'SSID_STR' }).first();
  await finding.getByRole('button', { name: new RegExp(`line .?${line}\\b`) }).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Keep it', exact: true }).isDisabled());
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  await page.locator('textarea').fill(profile('org.example.office', 'Office').toString());
  await page.getByRole('button', { name: 'Keep it', exact: true }).click();
  await page.getByRole('link', { name: 'Office' }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('a group says what it would do before it is saved, and does nothing until then', async () => {
  await world.show(page, '/groups');
  await page.getByRole('link', { name: 'New group' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Offices');
  await page.getByLabel('Rule', { exact: true }).fill('(platform=macos');
  await page.locator('.rule-wrong').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Make the group' }).isDisabled());
  await page.getByLabel('Rule', { exact: true }).fill('platform=macos or platform=ios');
  await page.getByLabel('Profile', { exact: true }).selectOption('org.example.office');
  await page.getByRole('button', { name: 'Add this' }).click();
  const plan = page.getByRole('region', { name: 'What it would do' });
  await plan.getByText('org.example.office', { exact: true }).waitFor();
  await page.getByLabel('Kind', { exact: true }).selectOption('requirement');
  await page.getByLabel('Requirement', { exact: true }).fill('filevalt=on');
  await page.getByRole('button', { name: 'Add this' }).click();
  await plan.getByText('the requirement filevalt=on: ').waitFor();
  assert.equal(await page.locator('.rule-wrong').count(), 0, 'the rule is not to blame');
  await page.getByRole('row', { name: /filevalt/ }).getByRole('button').click();
  await plan.getByText('org.example.office', { exact: true }).waitFor();
  assert.equal((await world.api('GET', '/groups')).groups.length, 0);
  await page.getByRole('button', { name: 'Make the group' }).click();
  await page.getByRole('heading', { level: 1, name: 'Offices' }).waitFor();
  const [group] = (await world.api('GET', '/groups')).groups;
  assert.equal(group.devices, 3, 'a Mac, and two iPhones');
  assert.deepEqual(page.troubles, []);
});

test('versions of a profile are compared without their passwords, and it is given to a group', async () => {
  for (const secret of ['first-secret', 'other-secret'])
    await world.keep(profile('org.example.lab', 'Lab', `<key>SSID_STR</key><string>lab</string><key>EncryptionType</key><string>WPA2</string><key>Password</key><string>${secret}</string>`));
  await world.show(page, '/profiles/org.example.lab');
  await page.getByRole('button', { name: 'Compare with 1' }).click();
  const differences = page.getByRole('region', { name: 'Differences' });
  await differences.getByText('PayloadContent[org.example.lab.1].Password', { exact: true }).waitFor();
  assert.doesNotMatch(await page.locator('main').innerText(), /-secret/);
  await page.getByLabel('Group', { exact: true }).selectOption('Offices');
  await page.getByText('3 installations').waitFor();
  assert.equal((await world.api('GET', '/groups/Offices')).assignments.length, 1, 'only looked at');
  await page.getByRole('button', { name: 'Give it to this group' }).click();
  await page.getByRole('region', { name: 'Given by' }).getByRole('link', { name: 'Offices' }).waitFor();
  assert.equal((await world.api('GET', '/groups/Offices')).assignments.length, 2);
  await page.getByRole('button', { name: 'Edit the newest' }).click();
  const text = page.getByLabel('Text', { exact: true });
  await text.fill((await text.inputValue()).replace('<string>lab</string>', '<string>den</string>'));
  await page.getByRole('button', { name: 'Keep it', exact: true }).click();
  await page.getByRole('button', { name: 'Compare with 2' }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('two people who change one group: the second sees both changes, and nothing is lost', async () => {
  const other = await world.enter('casey');
  for (const [p, note] of [[page, 'by Alex'], [other, 'by Casey']]) {
    await world.show(p, '/groups/Offices');
    await p.getByRole('button', { name: 'Change', exact: true }).click();
    await p.getByLabel('Note', { exact: true }).fill(note);
    await p.getByRole('region', { name: 'What it would do' }).waitFor();
  }
  const saves = [page, other].map((p) => p.getByRole('button', { name: 'Save the change' }));
  await saves[0].click();
  await saves[0].waitFor({ state: 'detached' });
  await saves[1].click();
  await other.getByText('Somebody else changed this group meanwhile').waitFor();
  assert.equal(await other.getByLabel('Note', { exact: true }).inputValue(), 'by Casey');
  await other.getByText('by Alex').first().waitFor();
  assert.equal((await world.api('GET', '/groups/Offices')).note, 'by Alex');
  assert.deepEqual(other.troubles, []);
});

test('a restart is one click, and its way is seen until it is acknowledged', async () => {
  const { devices: [phone] } = await world.api('GET', `/devices?filter=${encodeURIComponent('platform=ios and supervised=on')}`);
  await world.show(page, `/devices/${phone.id}`);
  await page.getByRole('button', { name: 'Restart', exact: true }).click();
  const way = page.getByRole('complementary', { name: 'Just sent' });
  await way.getByRole('link', { name: 'Restart' }).waitFor();
  await way.locator('li.done', { hasText: 'Acknowledged' }).waitFor();
  await page.goto(`${world.url}/commands?device=${phone.id}&all=yes`);
  await page.getByRole('row', { name: /Restart.*acknowledged/ }).first().waitFor();
  assert.deepEqual(page.troubles, []);
});

test('what happens to a device is told by the stream alone: its timeline is read again for nothing else', async () => {
  const { devices: [device] } = await world.api('GET', '/devices');
  await world.show(page, `/devices/${device.id}?tab=timeline`);
  await page.getByText('Live', { exact: true }).waitFor();
  for (const [act, told] of [['block', 'Device blocked'], ['unblock', 'Device unblocked']]) {
    await world.api('POST', `/devices/${device.id}/${act}`, {});
    await page.locator('.timeline strong', { hasText: told }).waitFor();
  }
  assert.deepEqual(page.troubles, []);
});

test('a command that fails tells why, in the words of the device', async () => {
  const [id] = await world.devices(await world.link(), 1, '--platform', 'ios', '--supervised', '--fail', 'RestartDevice=MCMDMErrorDomain:12007');
  await world.cli('device', 'restart', id);
  await world.show(page, `/commands?device=${encodeURIComponent(id)}&all=yes`);
  await page.getByRole('row', { name: /Restart.*failed.*MCMDMErrorDomain 12007/ }).waitFor();
  assert.deepEqual(page.troubles, []);
});

test('who claims a device that another one has waits until somebody decides', async () => {
  await world.devices(await world.link(), 1, '--offline', '--udid', 'LIVING', '--platform', 'ios');
  await world.show(page, '/takeovers');
  await page.getByText('Nobody claims a device that another one has.').waitFor();
  await world.devices(await world.link(), 1, '--offline', '--udid', 'LIVING', '--platform', 'ios');
  await page.getByText('Something new says that it is this device').waitFor();
  await page.getByRole('button', { name: 'Refuse' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Refuse' }).click();
  await page.locator('.toast').getByText('Refused', { exact: true }).waitFor();
  await page.getByText('Nobody claims a device that another one has.').waitFor();
  assert.deepEqual((await world.api('GET', '/takeovers')).takeovers, []);
  assert.deepEqual(page.troubles, []);
});

test('devices are found while typing, and what is looked for stands in the address', async () => {
  await world.show(page, '/devices');
  await page.getByRole('searchbox').first().fill('platform=macos');
  await page.waitForURL(/platform/);
  const rows = page.getByRole('grid').locator('[data-line]');
  await page.waitForFunction(() => document.querySelectorAll('[role=grid] [data-line]').length === 1);
  assert.equal(await rows.count(), 1);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('[role=grid] [data-line]').length === 1);
  await rows.first().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Restart', exact: true }).waitFor();
  assert.deepEqual(page.troubles, []);
});
