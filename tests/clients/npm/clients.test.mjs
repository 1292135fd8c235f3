// The npm client of the original walks every page of every filter, on both of its base paths.
//
// node --test, with SESSIONLOG_URL (of the server) and SESSIONLOG_RECORDS (its sessions, as JSON
// lines in the order of answers).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { JsonServiceClient, toDate } from '@servicestack/client'

const url = process.env.SESSIONLOG_URL
const lines = readFileSync(process.env.SESSIONLOG_RECORDS, 'utf8').trimEnd().split('\n')
const records = lines.map((line) => JSON.parse(line))

class UserClientSessionLogResponse {
  constructor(init) {
    Object.assign(this, init)
  }
}

class UserClientSessionLogRequest {
  constructor(init) {
    Object.assign(this, init)
  }
  createResponse() {
    return new UserClientSessionLogResponse()
  }
  getTypeName() {
    return 'UserClientSessionLogRequest'
  }
  getMethod() {
    return 'POST'
  }
}

/** The time with all seven digits, so that texts are in the order of instants. */
const ticks = (time) => {
  const [seconds, fraction = ''] = time.replace('Z', '').split('.')
  return `${seconds}.${fraction.padEnd(7, '0')}`
}

const milliseconds = (time) => Date.parse(`${ticks(time).slice(0, -4)}Z`)

const matches = (filter) => (record) =>
  (!filter.UserReferUid || record.user_refer_uid === filter.UserReferUid) &&
  (!filter.ClientReferUid || record.client_refer_uid === filter.ClientReferUid) &&
  (!filter.OpenSessionsOnly || !record.session_end) &&
  (!filter.StartedAfter || ticks(record.session_start) > ticks(filter.StartedAfter)) &&
  (!filter.StartedBefore || ticks(record.session_start) < ticks(filter.StartedBefore))

/** What the client should see of a record: its dates have milliseconds. */
const expected = (record) => ({
  ReferUid: record.refer_uid.replaceAll('-', ''),
  SessionStart: milliseconds(record.session_start),
  SessionEnd: record.session_end ? milliseconds(record.session_end) : undefined,
  User: record.user,
  UserReferUid: record.user_refer_uid.replaceAll('-', ''),
  ClientReferUid: record.client_refer_uid,
})

const seen = (entry) => ({
  ...entry,
  SessionStart: toDate(entry.SessionStart).getTime(),
  SessionEnd: entry.SessionEnd ? toDate(entry.SessionEnd).getTime() : undefined,
})

const filters = () => {
  const at = (part) => records[Math.floor(records.length * part)]
  const choices = [
    [{}, { UserReferUid: at(0.3).user_refer_uid }],
    [{}, { ClientReferUid: at(0.3).client_refer_uid }],
    [{}, { OpenSessionsOnly: true }],
    [{}, { StartedAfter: at(0.2).session_start }],
    [{}, { StartedBefore: at(0.7).session_start }],
  ]
  const combine = (filters, choice) =>
    filters.flatMap((filter) => choice.map((more) => ({ ...filter, ...more })))
  return choices.reduce(combine, [{}])
}

const clients = () => [
  ['/api', new JsonServiceClient(url)],
  ['/json/reply', new JsonServiceClient(url).useBasePath('')],
]

for (const [path, client] of clients()) {
  test(`every page of every filter is the library's on ${path}`, async () => {
    for (const filter of filters()) {
      const rows = records.filter(matches(filter))
      const size = rows.length > 1_000 ? 1_000 : 7
      const pages = Math.ceil(rows.length / size)
      for (let page = 0; page <= pages; page += 1) {
        const request = new UserClientSessionLogRequest({
          ...filter,
          PageRequestIndex: page,
          RecordsPerPage: size,
        })
        const method = page % 2 ? 'get' : 'post'
        const response = await client[method](request)
        assert.equal(response.Result, 'Success')
        assert.equal(response.PageIndex, page)
        assert.equal(response.RecordsPerPage, size)
        assert.equal(response.TotalPageCount, pages)
        assert.deepEqual(
          response.LogEntries.map(seen),
          rows.slice(page * size, (page + 1) * size).map(expected),
          JSON.stringify(filter),
        )
      }
    }
  })

  for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
    test(`${method} answers on ${path}`, async () => {
      const request = new UserClientSessionLogRequest({ RecordsPerPage: 3 })
      const response = await client[method](request)
      assert.deepEqual(response.LogEntries.map(seen), records.slice(0, 3).map(expected))
    })

    test(`a mistyped filter fills the client's error on ${path} with ${method}`, async () => {
      const request = new UserClientSessionLogRequest({ StartedAfter: 'yesterday' })
      const error = await client[method](request).catch((error) => error)
      const binds = ['get', 'delete'].includes(method)
      const code = binds ? 'RequestBindingException' : 'SerializationException'
      assert.equal(error.responseStatus.errorCode, code)
      assert.match(error.responseStatus.message, /StartedAfter: "yesterday" is not a date/)
    })
  }

  test(`an invalid request is a failure that names its member on ${path}`, async () => {
    const request = new UserClientSessionLogRequest({ RecordsPerPage: -1 })
    const response = await client.post(request)
    assert.equal(response.Result, 'Failure')
    assert.match(response.ServerErrorDetails.Description, /RecordsPerPage: -1 is negative/)
    assert.deepEqual(response.LogEntries, [])
  })

  test(`an unknown operation fills the client's error on ${path}`, async () => {
    class NoSuchRequest extends UserClientSessionLogRequest {
      getTypeName() {
        return 'NoSuchRequest'
      }
    }
    const error = await client.post(new NoSuchRequest()).catch((error) => error)
    assert.equal(error.responseStatus.errorCode, 'NotFound')
  })
}
