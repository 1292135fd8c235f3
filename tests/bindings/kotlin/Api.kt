/** What can be called, and what is refused: the groups Api and Errors. */

import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import java.time.temporal.ChronoUnit
import java.util.zip.CRC32
import kotlin.io.path.createDirectory
import kotlin.io.path.deleteExisting
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes
import kotlin.io.path.writeText
import sessionlog.Bucket
import sessionlog.EndedOpen
import sessionlog.Erased
import sessionlog.Options
import sessionlog.Outcome
import sessionlog.Pruned
import sessionlog.Query
import sessionlog.Retention
import sessionlog.SessionLog
import sessionlog.SessionLogException
import sessionlog.Store
import sessionlog.restore
import sessionlog.salvage

private val OLD = Instant.parse("2020-01-01T00:00:00Z")
private val YEAR = Duration.ofDays(365)

/** A filter, as it is asked for and as it is meant. */
private class Filter(val ask: (Query) -> Query, val keeps: (SessionLog) -> Boolean)

class Api : Case() {
    fun `sessions are started ended read and removed`() {
        val store = store()
        // A store of the bindings starts its sessions on a whole microsecond.
        val before = Instant.now().truncatedTo(ChronoUnit.MICROS)
        val first = store.start(ANN, "Ann", "PDA-01")
        same(store.startAs(uid(1), BEN, "Ben", "PDA-02"), Outcome.ADDED)
        same(store.startAs(uid(1), BEN, "Ben", "PDA-02"), Outcome.ALREADY_THERE)
        same(store.append(log(2)), Outcome.ADDED)
        same(store.append(log(2, end = START + HOUR)), Outcome.ENDED)
        val outcomes = store.appendBatch(listOf(log(3), log(2), log(3, end = START)))
        same(outcomes, listOf(Outcome.ADDED, Outcome.ALREADY_THERE, Outcome.ENDED))
        val found = store.get(first)!!
        holds(found.sessionStart in before..Instant.now(), found)
        same(found.sessionStart.nano % 1_000, 0)
        same(found, SessionLog(first, ANN, "Ann", "PDA-01", found.sessionStart))
        // The start that was read is the one that is stored.
        same(store.end(first, found.sessionStart), Outcome.ENDED)
        same(store.end(first, found.sessionStart), Outcome.ALREADY_THERE)
        same(store.count(Query(openSessionsOnly = true)), 1uL)
        val ended = store.endOpen(Query(clientReferUid = "PDA-02"), Instant.now() + HOUR)
        same(ended, EndedOpen(1uL, 0uL))
        same(store.remove(uid(2)), log(2, end = START + HOUR))
        same(store.get(uid(2)), null)
        store.flush()
        val stats = store.stats()
        same(stats.sessionCount to stats.openSessionCount, 3uL to 0uL)
        same(Triple(stats.userCount, stats.clientCount, stats.formatVersion), Triple(2uL, 2uL, 4u))
        same(stats.lastMergeError, null)
        store.shutdown()
    }

    fun `any page of any filter has its exact totals`() {
        val store = store()
        val logs = (1L..500L).map { number ->
            val end = if (number % 3 == 0L) hours(number) else null
            log(number, hours(number), end, userReferUid = uid(1 + number % 2), client = "PDA-${number % 5}")
        }
        store.appendBatch(logs)
        val filters = filters()
        for (chosen in listOf(1, 2, 6).flatMap { filters.windowed(it) }) {
            val expected = logs.filter { log -> chosen.all { it.keeps(log) } }
            for (newestFirst in listOf(false, true)) {
                val order = Query(newestFirst = newestFirst)
                val query = chosen.fold(order) { query, filter -> filter.ask(query) }
                val answer = if (newestFirst) expected.reversed() else expected
                checkPages(store, query, answer)
                checkCursors(store, query, answer)
            }
        }
    }

    private fun filters() = listOf(
        Filter({ it }, { true }),
        Filter({ it.copy(userReferUid = uid(2)) }, { it.userReferUid == uid(2) }),
        Filter({ it.copy(clientReferUid = "PDA-3") }, { it.clientReferUid == "PDA-3" }),
        Filter({ it.copy(openSessionsOnly = true) }, { it.sessionEnd == null }),
        Filter({ it.copy(startedAfter = hours(100)) }, { it.sessionStart > hours(100) }),
        Filter({ it.copy(startedBefore = hours(200)) }, { it.sessionStart < hours(200) }),
    )

    private fun checkPages(store: Store, query: Query, answer: List<SessionLog>) {
        val pages = (answer.size + 6) / 7
        same(store.count(query), answer.size.toULong())
        for (index in setOf(0, pages / 2, maxOf(pages - 1, 0), pages + 3)) {
            val page = store.page(query, index.toUInt(), 7u)
            same(page.entries, answer.drop(index * 7).take(7))
            same(page.totalRecordCount to page.totalPageCount, answer.size.toULong() to pages.toULong())
            same(page.pageIndex to page.recordsPerPage, index.toUInt() to 7u)
        }
    }

    private fun checkCursors(store: Store, query: Query, answer: List<SessionLog>) {
        val walked = mutableListOf<SessionLog>()
        var cursor: String? = null
        do {
            val page = store.pageAfter(query, 50u, cursor)
            walked += page.entries
            cursor = page.next
            same(page.remainingRecordCount, (answer.size - walked.size).toULong())
            same(page.totalRecordCount, answer.size.toULong())
        } while (page.remainingRecordCount > 0u)
        same(walked, answer)
    }

    fun `a snapshot and a walk stay as they were`() {
        val store = store()
        store.appendBatch((1L..300L).map { log(it, hours(it)) })
        val snapshot = store.snapshot()
        val walk = snapshot.walk(Query(newestFirst = true))
        store.remove(uid(300))
        val walked = generateSequence { walk.take(100u).ifEmpty { null } }.flatten().toList()
        same(ids(walked), (300L downTo 1L).toList())
        same(walk.take(100u), emptyList<SessionLog>())
        same(snapshot.count(Query()), 300uL)
        same(snapshot.page(Query(), 2u, 100u).entries.last().referUid, uid(300))
        same(snapshot.pageAfter(Query(), 1u).entries, listOf(log(1, START + HOUR)))
        same(snapshot.get(uid(300)), log(300, hours(300)))
        same(store.get(uid(300)), null)
        val days = snapshot.countBy(Query(), Bucket.DAY)
        same(days.sumOf { it.count }, 300uL)
        same(days.first().start, START.truncatedTo(ChronoUnit.DAYS))
        same(store.countBy(Query(), Bucket.MONTH).map { it.count }, listOf(299uL))
        same(store.countBy(Query(), Bucket.HOUR).size, 299)
    }

    fun `a store is kept in order`() {
        val store = store()
        store.appendBatch((1L..10L).map { log(it, OLD, if (it % 2 == 1L) OLD + HOUR else null) })
        store.append(log(11, user = "Anna"))
        store.append(log(12, user = "Ben", userReferUid = BEN, client = "PDA-02"))
        same(store.prune(YEAR), Pruned(5uL, 5uL, OLD))
        same(store.prune(YEAR, removeOpen = true), Pruned(5uL, 0uL, START))
        same(store.eraseUser(BEN, secure = true), Erased(1uL, 1uL, 1uL, true, 0uL))
        val compacted = store.compact()
        holds(compacted.fileBytes <= compacted.fileBytesBefore, compacted)
        val verification = store.verify()
        same(verification.sessionCount to verification.faultCount, 1uL to 0uL)
        same(verification.faults, emptyList<String>())
        same(store.backup(file("backup")), 1uL)
        same(restore(file("backup"), file("restored")), 1uL)
        same(ids(Store.open(file("restored")).page(Query(), 0u, 10u).entries), listOf(11L))
        store.shutdown()
        val found = salvage(path, file("salvaged"))
        same(Triple(found.sessionCount, found.lostSessionCount, found.faultCount), Triple(1uL, 0uL, 0uL))
    }

    fun `a full store lets the oldest go that has ended and never an open one`() {
        val options = Options(retention = Retention(sessionsMax = 100u, liveBytesMax = 1_000_000u))
        val store = store(options)
        store.append(log(1))
        store.appendBatch((2L..100L).map { log(it, hours(it), hours(it)) })
        same(store.count(Query()), 100uL)
        store.append(log(101, hours(101)))
        same(ids(store.page(Query(), 0u, 3u).entries), listOf(1L, 3L, 4L))
        store.shutdown()
        same(Store.open(path, options).count(Query()), 100uL)
    }

    fun `what was left open is ended by one call that can be repeated`() {
        val store = store()
        val boot = hours(10)
        store.appendBatch(listOf(log(1), log(2, START, START + HOUR), log(3, boot + HOUR)))
        for (ended in listOf(1uL, 0uL)) same(store.endOpenBefore(boot), EndedOpen(ended, 0uL))
        same((1L..3L).map { store.get(uid(it))!!.sessionEnd }, listOf(boot, START + HOUR, null))
    }

    fun `options are taken`() {
        val options = Options(
            eventual = true,
            cacheBytes = 1uL shl 20,
            deltaSessionsMax = 50u,
            snapshotAgeMax = Duration.ZERO,
            retention = Retention(olderThan = Duration.ofDays(1), removeOpen = true),
        )
        val store = store(options)
        store.append(log(1, OLD))
        same(store.count(Query()), 0uL)
        val snapshot = store.snapshot()
        until("the snapshot expires") { isExpired { snapshot.count(Query()) } }
        store.shutdown()
        val reader = Store.open(path, Options(readOnly = true, checkOnOpen = true))
        refused<SessionLogException.InvalidInput>("read_only") { reader.append(log(2)) }
        reader.shutdown()
        for (length in listOf(Duration.ZERO, Duration.ofSeconds(Long.MAX_VALUE))) {
            val refusing = Options(retention = Retention(olderThan = length))
            refused<SessionLogException.InvalidInput>("older_than") { Store.open(path, refusing) }
        }
        // No length of time that comes to the library is negative.
        thrown<IllegalArgumentException> { Store.open(path, Options(snapshotAgeMax = Duration.ofNanos(-1))) }
    }

    private fun isExpired(call: () -> Unit): Boolean = try {
        call()
        false
    } catch (_: SessionLogException.Expired) {
        true
    }
}

class Errors : Case() {
    fun `bad input names the member and the value and nothing is stored`() {
        val store = store()
        val long = "n".repeat(1_025)
        val error = invalid("user") { store.append(log(1, user = long)) }
        contains(error.detail, "1025 bytes")
        contains(error.toString(), "1025 bytes")
        invalid("client_refer_uid") { store.start(ANN, "Ann", "é".repeat(513)) }
        invalid("refer_uid") { store.append(log(0)) }
        invalid("user_refer_uid") { store.start(uid(0), "Ann", "PDA-01") }
        invalid("user_refer_uid") { store.count(Query(userReferUid = uid(0))) }
        invalid("started_after") { store.count(Query(startedAfter = START, startedBefore = START)) }
        for (size in listOf(0u, 10_001u)) invalid("records_per_page") { store.page(Query(), 0u, size) }
        invalid("cursor") { store.pageAfter(Query(), 5u, "elsewhere") }
        invalid("older_than") { store.prune(Duration.ZERO) }
        val batch = listOf(log(1), log(2, user = long), log(0))
        val refusals = invalid(null) { store.appendBatch(batch) }.refusals
        same(refusals.map { it.index to it.member }, listOf(1uL to "user", 2uL to "refer_uid"))
        contains(refusals.first().detail, "1025 bytes")
        same(store.count(Query()), 0uL)
    }

    private fun invalid(member: String?, call: () -> Unit): SessionLogException.InvalidInput =
        refused<SessionLogException.InvalidInput>(member, call)

    fun `an end before its start tells both times`() {
        val store = store()
        val future = Instant.parse("2199-01-01T00:00:00.0000001Z")
        store.append(log(1, future))
        same(store.get(uid(1))!!.sessionStart, future)
        val early = invalid("session_end") { store.end(uid(1), START) }
        same(early.sessionStart to early.sessionEnd, future to START)
        same(store.end(uid(1), early.sessionStart!!), Outcome.ENDED)
        val other = invalid("refer_uid") { store.append(log(0)) }
        same(other.sessionStart to other.sessionEnd, null to null)
    }

    fun `every kind is a type of its own`() {
        val store = store()
        store.appendBatch(listOf(log(1, end = START), log(2)))
        refused<SessionLogException.NotFound>("refer_uid") { store.end(uid(9), START) }
        refused<SessionLogException.Conflict>("user") { store.append(log(1, user = "Anna")) }
        val batch = listOf(log(1, user = "Anna"))
        val conflict = refused<SessionLogException.Conflict> { store.appendBatch(batch) }
        same(conflict.refusals.map { it.member }, listOf("user"))
        refused<SessionLogException.AlreadyEnded>("session_end") { store.end(uid(1), START + HOUR) }
        refused<SessionLogException.AlreadyOpen> { Store.open(path) }
        refused<SessionLogException.NotAStore> { Store.open(file("nowhere")) }
        val nowhere = file("nowhere/file")
        val unavailable = refused<SessionLogException.Unavailable> { store.exportJsonl(Query(), nowhere) }
        contains(unavailable.detail, "No such file")
        val snapshot = store.snapshot()
        store.suspend()
        refused<SessionLogException.Suspended> { store.count(Query()) }
        refused<SessionLogException.Suspended> { snapshot.count(Query()) }
        store.resume()
        refused<SessionLogException.Expired> { snapshot.count(Query()) }
        store.shutdown()
        refused<SessionLogException.Closed> { store.count(Query()) }
        val logFile = Path.of(path, "log.0")
        val whole = logFile.readBytes()
        logFile.writeBytes(ofVersion(5, whole))
        val unsupported = refused<SessionLogException.UnsupportedFormat> { Store.open(path) }
        contains(unsupported.detail, "format version 5")
        logFile.writeBytes(byteArrayOf(0) + whole.drop(1))
        refused<SessionLogException.Corrupted> { Store.open(path) }
        // A launch replaces nothing that it cannot read.
        refused<SessionLogException.Corrupted> { Store.openOrCreate(path) }
    }

    /** A log file as another version would have it: its header has a checksum. */
    private fun ofVersion(version: Byte, file: ByteArray): ByteArray {
        val identity = byteArrayOf(version, 0, 0, 0) + file.copyOfRange(8, 24)
        val checksum = CRC32().apply { update("logidentity".toByteArray() + identity) }.value
        return ByteArray(4) { (checksum shr (8 * it)).toByte() } + identity + file.drop(24)
    }

    fun `a store is opened or made and never replaced`() {
        for (count in listOf(1uL, 2uL, 3uL)) {
            val store = Store.openOrCreate(path)
            store.start(ANN, "Ann", "PDA-01")
            same(store.count(Query()), count)
            store.shutdown()
        }
        val strange = folder.resolve("strange").createDirectory()
        strange.resolve("file").writeText("not ours")
        invalid(null) { Store.openOrCreate(strange.toString()) }
        Path.of(path, "main.redb").deleteExisting()
        refused<SessionLogException.Corrupted> { Store.openOrCreate(path) }
    }
}
