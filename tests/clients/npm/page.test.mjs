// The operator's page in a browser: load, filter by keyboard, page, hostile names, no scripts.
//
// node --test, with SESSIONLOG_URL and SESSIONLOG_RECORDS as for the clients, and SESSIONLOG_BROWSER,
// the browser's executable.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test, { after, before } from 'node:test'
import puppeteer from 'puppeteer-core'

const url = process.env.SESSIONLOG_URL
const lines = readFileSync(process.env.SESSIONLOG_RECORDS, 'utf8').trimEnd().split('\n')
const records = lines.map((line) => JSON.parse(line))

let browser
before(async () => {
  browser = await puppeteer.launch({
    executablePath: process.env.SESSIONLOG_BROWSER,
    args: ['--no-sandbox', '--disable-gpu'],
  })
})
after(() => browser.close())

/** A page of its own, of which every complaint is a failure of the test. */
const inPage = async (path, look) => {
  const page = await browser.newPage()
  const complaints = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
  await page.goto(`${url}${path}`)
  await look(page)
  assert.deepEqual(complaints, [])
  await page.close()
}

const text = (page, selector) => page.$eval(selector, (element) => element.textContent)
const rows = (page) => page.$$eval('tbody tr', (found) => found.length)

/** The session ids of the table, in its order. */
const ids = (page) =>
  page.$$eval('main table tbody tr', (found) =>
    found
      .map((row) => row.lastElementChild.textContent.trim())
      .filter((id) => /^[0-9a-f-]{36}$/.test(id)),
  )

test('the page shows the first sessions with their exact total', () =>
  inPage('/', async (page) => {
    assert.match(await page.title(), /Session/)
    const body = await text(page, 'body')
    assert.match(body, /10,000/)
    assert.deepEqual(
      await ids(page),
      records.slice(0, 100).map((record) => record.refer_uid),
    )
  }))

test('a filter is filled in and sent by keyboard alone', () =>
  inPage('/', async (page) => {
    const wanted = records[5_000]
    const matching = records.filter((record) => record.client_refer_uid === wanted.client_refer_uid)
    await page.focus('#ClientReferUid')
    await page.keyboard.type(wanted.client_refer_uid)
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
    assert.deepEqual(
      await ids(page),
      matching.slice(0, 100).map((record) => record.refer_uid),
    )
    assert.equal(await page.$eval('#ClientReferUid', (input) => input.value), wanted.client_refer_uid)
  }))

test('the links lead through the pages to the last one', () =>
  inPage('/userclientsession/log.html?RecordsPerPage=25&OpenSessionsOnly=true', async (page) => {
    const open = records.filter((record) => !record.session_end).map((record) => record.refer_uid)
    const seen = [...(await ids(page))]
    for (;;) {
      const next = await page.$('a[rel~=next]')
      if (!next) break
      await Promise.all([page.waitForNavigation(), next.click()])
      seen.push(...(await ids(page)))
    }
    assert.deepEqual(seen, open)
  }))

test('a mistyped filter shows what is wrong and no sessions', async () => {
  const page = await browser.newPage()
  const answer = await page.goto(`${url}/userclientsession/log.html?UserReferUid=bogus`)
  assert.equal(answer.status(), 400)
  assert.match(await text(page, 'main'), /is not a guid/)
  assert.equal(await rows(page), 0)
  assert.equal(await page.$eval('#UserReferUid', (input) => input.value), 'bogus')
  await page.close()
})

test('hostile names are text and do nothing', () =>
  inPage(
    '/userclientsession/log.html?UserReferUid=00000000-0000-4000-8000-0000000000aa',
    async (page) => {
      const body = await text(page, 'main')
      assert.ok(body.includes('<script>alert(1)</script> & ]]> &amp; <!-- -->'), body)
      assert.equal(await page.$$eval('script', (found) => found.length), 0)
      assert.equal((await ids(page)).length, 5)
    },
  ))

test('it works without scripts, dark and narrow, and nothing runs off the side', async () => {
  const page = await browser.newPage()
  await page.setJavaScriptEnabled(false)
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  await page.setViewport({ width: 400, height: 800 })
  await page.goto(`${url}/userclientsession/log.html?StartedAfter=2026-10-10`)
  const looks = await page.evaluate(() => ({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
  }))
  assert.equal(looks.overflow, 0)
  const [red, green, blue] = looks.background.match(/\d+/g).map(Number)
  assert.ok(red + green + blue < 200, looks.background)
  await page.close()
})

test('everything that can be reached by Tab has a name, and the first stop skips to the content', () =>
  inPage('/', async (page) => {
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), '#content')
    const nameless = await page.$$eval(
      'a[href]:not([tabindex="-1"]), button, input, select',
      (found) =>
        found
          .filter((one) => !one.textContent.trim() && !one.labels?.length && !one.ariaLabel)
          .map((one) => one.outerHTML),
    )
    assert.deepEqual(nameless, [])
  }))
