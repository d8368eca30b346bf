// A node's own pages in a real browser: at 360 and 1280 px, in both languages,
// with and without scripts, and as an accessibility checker sees them.
import assert from 'node:assert/strict';
import { violations } from './axe.mjs';
import { launch, listen } from './browser.mjs';

const { BASE: base, TOKEN: token } = process.env;
const BYTES_MAX = 100 * 1024;
const browser = await launch();
const complaints = [];

async function signIn(options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  listen(page, complaints);
  await page.goto(`${base}/login`);
  await page.fill('#token', token);
  await Promise.all([page.waitForNavigation(), page.click('.gate .button-main')]);
  assert.ok(!page.url().includes('/login'), `not signed in: ${page.url()}`);
  return page;
}
const submit = (page) => Promise.all([
  page.waitForNavigation(), page.locator('main form.form .actions .button-main').first().click(),
]);

// Without scripts: register, find, edit. The nurse's tablet may be old.
const plain = await signIn({ javaScriptEnabled: false });
await plain.goto(`${base}/patients/new`);
await submit(plain);
assert.ok(await plain.locator('[aria-invalid=true]').count() > 0, 'an empty form says what is missing');
await plain.fill('#given', 'Rosa');
await plain.fill('#family', 'Mamani');
await plain.fill('#birth_date', '1980-05-01');
await plain.check('input[value=female]');
await submit(plain);
const chart = plain.url().split('?')[0];
assert.match(chart, /\/patients\/[0-9a-f-]{36}$/);
await plain.goto(`${chart}/phone`);
await plain.fill('#phone', '+51 911 222 333');
await submit(plain);
await plain.goto(`${chart}/allergies/new`);
await plain.fill('#substance', 'Penicillin');
await plain.check('input[value=high]');
await submit(plain);
await plain.goto(`${chart}/vitals`);
await plain.fill('#temperature', '99');
await submit(plain);
assert.ok(await plain.locator('[aria-invalid=true]').count() > 0, 'an impossible value is refused');
await plain.fill('#temperature', '38.4');
await plain.fill('#heart_rate', '130');
await submit(plain);
const shown = await plain.locator('main').innerText();
for (const text of ['Penicillin', '911 222 333', '38.4', '130']) assert.ok(shown.includes(text), `${text} is not on the chart`);
await plain.goto(`${base}/patients?q=mam`);
assert.equal(await plain.locator('.person').count(), 1);
await plain.goto(`${base}/patients/new`);
await plain.fill('#given', 'Rosa');
await plain.fill('#family', 'Mamani');
await plain.fill('#birth_date', '1980-05-01');
await plain.check('input[value=female]');
await submit(plain);
assert.equal(await plain.locator('#duplicates').count(), 1, 'a possible duplicate is shown before saving');
// Enter asks again: only its own button registers somebody who may be there already.
await plain.fill('#village', 'Ccatca');
await Promise.all([plain.waitForNavigation(), plain.press('#village', 'Enter')]);
assert.equal(await plain.locator('#duplicates').count(), 1, 'Enter registered a possible duplicate');
assert.equal(await plain.inputValue('#village'), 'Ccatca');

// Somebody nobody knows, without a name.
await plain.goto(`${base}/patients/new`);
await plain.click('summary');
await plain.check('#unidentified');
await plain.fill('#temporary_label', 'Man from the bus');
await plain.check('input[value=male]');
await submit(plain);
const unknown = await plain.locator('.banner').innerText();
assert.ok(unknown.includes('Man from the bus') && unknown.includes('Not identified'), unknown);

// A medicine, as another system sends it, is held from the chart, and not without a reason.
const id = chart.split('/').pop();
const sent = await fetch(`${base}/fhir/MedicationRequest`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/fhir+json' },
  body: JSON.stringify({
    resourceType: 'MedicationRequest', status: 'active', intent: 'order', subject: { reference: `Patient/${id}` },
    medicationCodeableConcept: { text: 'Enalapril 10 mg tablet' },
    dosageInstruction: [{ text: '10 mg once a day' }],
  }),
});
assert.equal(sent.status, 201);
const medicine = `${new URL(chart).pathname}/medicines/${(await sent.json()).id}`;
await plain.goto(chart);
await Promise.all([plain.waitForNavigation(), plain.click(`a[href="${medicine}/status"]`)]);
await plain.check('input[value=on-hold]');
await submit(plain);
assert.equal(await plain.locator('#reason[aria-invalid=true]').count(), 1, 'a hold has a reason');
await plain.fill('#reason', 'Cough at night');
await submit(plain);
assert.match(await plain.locator('[aria-labelledby=h-medicines]').innerText(), /On hold[^]*Cough at night/);

// What was typed outlives the session: the log-in carries it, and it comes back to be looked over.
await plain.goto(`${chart}/vitals`);
await plain.fill('#weight', '61.5');
const sessions = (await plain.context().cookies()).filter((one) => one.name.startsWith('chaski-session'));
assert.equal(sessions.length, 1);
await plain.context().clearCookies({ name: sessions[0].name });
await submit(plain);
assert.equal(plain.url(), `${chart}/vitals`, 'nothing typed stands in a URL');
await plain.fill('#token', token);
await Promise.all([plain.waitForNavigation(), plain.click('.gate .button-main')]);
await Promise.all([plain.waitForNavigation(), plain.click('form[data-resume] button')]);
assert.equal(await plain.inputValue('#weight'), '61.5');
await submit(plain);
assert.match(await plain.locator('[aria-labelledby=h-vitals]').innerText(), /61\.5/);

// With scripts: a change elsewhere shows by itself.
const page = await signIn({});
await page.goto(chart);
await plain.goto(`${chart}/phone`);
await plain.fill('#phone', '+51 944 555 666');
await submit(plain);
await page.waitForFunction(() => document.body.textContent.includes('944 555 666'), null, { timeout: 10_000 });
// Also one that comes before the page has begun to listen: a slow tablet listens late.
await page.route('**/live', async (route) => {
  await new Promise((later) => { setTimeout(later, 3_000); });
  await route.continue().catch(() => {}); // the page has gone on meanwhile
});
await page.goto(chart);
await plain.goto(`${chart}/phone`);
await plain.fill('#phone', '+51 966 777 888');
await submit(plain);
await page.waitForFunction(() => document.body.textContent.includes('966 777 888'), null, { timeout: 20_000 });
await page.unroute('**/live');

// Records by stick: the page stays ready after a download, and says what is wrong with a file.
for (const visitor of [plain, page]) {
  await visitor.goto(`${base}/parcel`);
  for (let again = 0; again < 2; again += 1) {
    const [download] = await Promise.all([
      visitor.waitForEvent('download'), visitor.locator('form[action="/parcel/write"] .button-main').click(),
    ]);
    assert.match(download.suggestedFilename(), /^Clinic-A-to-.+-\d{4}-\d\d-\d\d-\d{4}\.chaski$/);
    assert.equal(await download.failure(), null);
  }
  // What was written is told: by itself with scripts, after a reload without.
  if (visitor === plain) await visitor.reload();
  await visitor.waitForFunction(() => document.getElementById('live-written').innerText.includes('The file for'));
  await visitor.setInputFiles('#file', { name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(5_000_000, 7) });
  await Promise.all([
    visitor.waitForNavigation(), visitor.locator('form[action="/parcel/read"] .button-main').click(),
  ]);
  assert.match(await visitor.locator('.problems').innerText(), /no file of another site/);
  for (const width of [360, 1280]) {
    await visitor.setViewportSize({ width, height: 800 });
    assert.ok(await visitor.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'a problem fits');
    if (visitor === page) assert.deepEqual(await violations(page), [], `a wrong file at ${width}`);
  }
}

// What moves by itself moves on an open page without a word; what else changes is said.
{
  await page.goto(base);
  let change = (html) => html;
  const fresh = (request) => request.headers()['x-chaski-live'] === '1';
  await page.route((url) => url.pathname === '/', async (route) => {
    if (!fresh(route.request())) return route.continue();
    const answer = await route.fetch();
    return route.fulfill({ response: answer, body: change(await answer.text()) });
  });
  const look = async () => {
    const asked = page.waitForResponse((response) => fresh(response.request()));
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await (await asked).finished();
    await page.waitForTimeout(300);
  };
  const peers = page.locator('#live-peers');
  await page.evaluate(() => {
    window.said = [];
    new MutationObserver(() => window.said.push('')).observe(document.getElementById('live-note'), { childList: true });
  });
  const moved = (html) => html.replace(/<time data-moves datetime="[^"]*">[^<]*<\/time>/g,
    '<time data-moves datetime="2030-01-01T00:00:00Z">long ago</time>');
  change = moved;
  await look();
  assert.match(await page.locator('#live-node').innerText(), /long ago/);
  assert.match(await page.locator('.foot').innerText(), /long ago/);
  assert.deepEqual(await page.evaluate(() => window.said), [], 'elapsed time is not announced');
  change = (html) => moved(html).replaceAll('Never heard from', 'Other news');
  await look();
  assert.match(await peers.innerText(), /Other news/);
  assert.equal((await page.evaluate(() => window.said)).length, 1, 'news is announced');
  await page.unroute(() => true);
  await page.unrouteAll();
}

// Cards to decide on do not move under the finger: what changes elsewhere is told, and shown when asked for.
{
  const card = (name) => `<article class="card fork" id="c-${name}"><h2>${name}</h2><form method="post">
    <input type="hidden" name="record" value="${name}"><button class="button">Keep this</button></form></article>`;
  let names = ['a', 'b', 'c'];
  await page.setViewportSize({ width: 360, height: 740 });
  await page.route((url) => url.pathname === '/conflicts', async (route) => {
    const answer = await route.fetch();
    const html = await answer.text();
    const from = html.indexOf('<div id="live-conflicts" data-live>');
    const to = html.indexOf('</main>', from);
    const body = `${html.slice(0, from)}<div id="live-conflicts" data-live>${names.map(card).join('')}</div>${html.slice(to)}`;
    return route.fulfill({ response: answer, body });
  });
  const look = async () => {
    const asked = page.waitForResponse((response) => response.request().headers()['x-chaski-live'] === '1');
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await (await asked).finished();
    await page.waitForTimeout(300);
  };
  await page.goto(`${base}/conflicts`);
  const shown = () => page.locator('article h2').allInnerTexts();
  const focused = () => page.evaluate(() => document.activeElement.form?.record.value ?? '');
  await page.locator('#c-b button').focus();
  names = ['a', 'b', 'c', 'd'];
  await look();
  assert.deepEqual([await shown(), await focused()], [['a', 'b', 'c', 'd'], 'b'], 'what comes after is shown');
  assert.ok(await page.locator('.changed').isHidden());
  names = ['b', 'c', 'd'];
  await look();
  assert.deepEqual([await shown(), await focused()], [['a', 'b', 'c', 'd'], 'b'], 'nothing moves');
  assert.ok(await page.locator('.changed').isVisible());
  await Promise.all([page.waitForNavigation(), page.locator('.changed a').click()]);
  assert.deepEqual([await shown(), await focused()], [['b', 'c', 'd'], '']);
  await page.unrouteAll();
}

// Letters twice as large, as people set them: nothing is cut off, and no value is squeezed to a letter a line.
for (const path of ['/', '/hub', '/parcel', '/patients/new']) {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(base + path);
  await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
  const cut = await page.evaluate(() => {
    const out = [...document.querySelectorAll('main *, nav *')].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width > 2 && !one.closest('.vh, svg') && (box.right > innerWidth + 1 || box.left < -1);
    });
    const words = [...document.querySelectorAll('.menu a')].filter((one) => one.scrollWidth > one.clientWidth + 1);
    const thin = [...document.querySelectorAll('.sites td > div')].filter((one) => one.offsetWidth < 140);
    return [...out, ...words, ...thin].map((one) => `${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 40)}`);
  });
  assert.deepEqual(cut, [], `${path} with large letters`);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is too wide`);
}
await page.setViewportSize({ width: 1280, height: 800 });

// With scripts the way back to a form needs no tap of its own.
await page.goto(`${chart}/phone`);
await page.fill('#phone', '+51 955 000 111');
const lost = (await page.context().cookies()).find((one) => one.name.startsWith('chaski-session'));
await page.context().clearCookies({ name: lost.name });
await submit(page);
await page.fill('#token', token);
await page.click('.gate .button-main');
await page.waitForSelector('#phone');
assert.equal(await page.inputValue('#phone'), '+51 955 000 111');
assert.equal(page.url(), `${chart}/phone`, 'nothing typed stands in a URL');

const paths = ['/', '/patients', '/patients?q=nobody-has-this-name', '/patients/new', '/conflicts', '/parcel',
  new URL(chart).pathname, `${new URL(chart).pathname}/phone`, `${new URL(chart).pathname}/vitals`,
  `${new URL(chart).pathname}/allergies/new`, `${medicine}/status`, `${medicine}/dose`, '/no/such/page'];
for (const language of ['en', 'ar']) {
  await page.goto(`${base}/language/${language}`);
  for (const path of paths) {
    await page.goto(base + path);
    const bytes = Buffer.byteLength(await page.content());
    assert.ok(bytes <= BYTES_MAX, `${path} has ${bytes} bytes`);
    assert.equal(await page.locator('html').getAttribute('dir'), language === 'ar' ? 'rtl' : 'ltr');
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px too wide at ${width} (${language})`);
      const narrow = await page.locator('main input:not([type=hidden]):not([type=radio]):not([type=checkbox])').evaluateAll(
        (inputs) => inputs.filter((input) => input.offsetParent && input.offsetWidth < 64).map((input) => input.id));
      assert.deepEqual(narrow, [], `${path} at ${width} (${language}) leaves no room to type`);
      assert.deepEqual(await violations(page), [], `${path} at ${width} (${language})`);
    }
  }
}
// A refused form (422), a form without its session (401) and the page that is not there (404) are meant to be.
assert.deepEqual(complaints.filter((text) => !/status of (401|404|422)/.test(text)), []);
await browser.close();
console.log(`pages: ${paths.length} pages, 2 languages, 2 widths, no accessibility violation; forms work without scripts`);
