// The demo as a visitor uses it: pull the cables of one site, edit on both
// sides, plug in, see them converge and the conflict appear, decide it once.
import assert from 'node:assert/strict';
import { violations } from './axe.mjs';
import { launch, listen } from './browser.mjs';

const browser = await launch();
const complaints = [];
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
listen(page, complaints);
const follow = async (action) => { await Promise.all([page.waitForNavigation(), action()]); };

await page.goto(process.env.PAGE);
assert.equal(await page.locator('section.post').count(), 3);
await page.waitForFunction(() => document.querySelector('#same').dataset.same === 'true', null, { timeout: 60_000 });

const cable = async (link, on) => {
  const form = page.locator(`form[data-link="${link}"]`);
  if (await form.getAttribute('data-on') !== String(on)) await follow(() => form.locator('button').click());
  assert.equal(await form.getAttribute('data-on'), String(on));
};
const edit = async (node, fields) => {
  const names = Object.keys(fields);
  for (const name of names) await page.fill(`#${node}-${name}`, fields[name]);
  await follow(() => page.locator(`#${node}-${names[0]}`).evaluate((input) => input.form.requestSubmit()));
  assert.equal(await page.locator('.flash-bad').count(), 0, await page.locator('.flash-bad').allTextContents().then(String));
};
const fact = (node, name) => page.locator(`#live-${node} [data-fact=${name}]`).innerText();

await cable('clinic-hub', false);
await cable('clinic-mobile', false);
await edit('clinic', { phone: '+51 900 000 001' });
await edit('mobile', { phone: '+51 900 000 002' });
await edit('clinic', { substance: 'Latex' });
await edit('mobile', { substance: 'Peanut' });
await edit('clinic', { dose_value: '2', dose_unit: 'tablet' });
await edit('mobile', { dose_value: '3', dose_unit: 'tablet' });
assert.match(await fact('clinic', 'allergies'), /Latex/);
assert.doesNotMatch(await fact('clinic', 'allergies'), /Peanut/, 'the cable is pulled');
assert.equal(await page.locator('#same').getAttribute('data-same'), 'false');

await cable('clinic-hub', true);
await cable('clinic-mobile', true);
await page.waitForFunction(() => document.querySelector('#same').dataset.same === 'true', null, { timeout: 60_000 });
// Nobody reloaded: the page follows by itself. Each site now shows both allergies and the conflict.
for (const node of ['clinic', 'hub', 'mobile']) {
  const allergies = await fact(node, 'allergies');
  assert.match(allergies, /Latex/);
  assert.match(allergies, /Peanut/);
  assert.match(await fact(node, 'phones'), /900 000 002/, 'the later phone is shown');
  const clash = await page.locator(`#live-${node} .clash`).innerText();
  assert.match(clash, /2 tablet/);
  assert.match(clash, /3 tablet/);
}
// The README's picture, where it is asked for.
if (process.env.CHASKI_PICTURES) await page.screenshot({ path: `${process.env.CHASKI_PICTURES}/demo.png`, fullPage: true });
// With all there is on it, in both languages and at both widths.
for (const language of ['ar', 'en']) {
  await page.goto(new URL(`/language/${language}`, process.env.PAGE).href);
  await page.goto(process.env.PAGE);
  assert.equal(await page.locator('html').getAttribute('dir'), language === 'ar' ? 'rtl' : 'ltr');
  assert.equal(await page.locator('.clash').count(), 3);
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${wide} px too wide at ${width} (${language})`);
    assert.deepEqual(await violations(page), [], `at ${width} (${language})`);
  }
}
await follow(() => page.locator('#live-hub .clash .side button').first().click());
await page.waitForFunction(() => document.querySelectorAll('.clash').length === 0, null, { timeout: 60_000 });
await page.waitForFunction(() => document.querySelector('#same').dataset.same === 'true', null, { timeout: 60_000 });
assert.deepEqual(await violations(page), []);
assert.deepEqual(complaints, []);
await browser.close();
console.log('demo: cables pulled, both sides edited, converged, conflict shown and resolved everywhere, no accessibility violation');
