// The first log-in of a node that has just been made: the one-use token of its file is exchanged for one to keep.
import assert from 'node:assert/strict';
import { violations } from './axe.mjs';
import { launch, listen } from './browser.mjs';

const { PAGES: pages, TOKEN: token, CHASKI_PICTURES: pictures } = process.env;
const browser = await launch();
const complaints = [];
const page = await browser.newPage({ viewport: { width: 640, height: 520 } });
listen(page, complaints);
// The README's pictures, where they are asked for.
const picture = async (name) => {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png` });
};
const signIn = async (secret) => {
  await page.goto(`${pages}login`);
  await page.fill('#token', secret);
  await Promise.all([page.waitForNavigation(), page.click('.gate .button-main')]);
};

await page.goto(pages);
assert.match(page.url(), /\/login/, 'whoever is not signed in is asked to');
assert.deepEqual(await violations(page), []);
await page.fill('#token', token);
await picture('first-login-1');
await Promise.all([page.waitForNavigation(), page.click('.gate .button-main')]);
const own = await page.locator('code.secret').innerText();
assert.notEqual(own, token);
assert.deepEqual(await violations(page), []);
// A token has no place in a picture, be it one of a node that is gone.
await page.locator('code.secret').evaluate((code) => { code.textContent = `${code.textContent.slice(0, 8)}…`; });
await picture('first-login-2');
await Promise.all([page.waitForNavigation(), page.click('.gate .button-main')]);
assert.equal(page.url(), pages, 'the home page');

// What was used once is of no use to whoever finds the file; the token that was shown opens from now on.
await page.context().clearCookies();
await signIn(token);
assert.equal(await page.locator('#token-problem').count(), 1, 'the one-use token works again');
await signIn(own);
assert.equal(page.url(), pages, 'the token to keep does not work');
// The refused token (401) is meant to be.
assert.deepEqual(complaints.filter((text) => !/status of 401/.test(text)), []);
await browser.close();
console.log('first log-in: one-use token exchanged for one to keep, once, no accessibility violation');
