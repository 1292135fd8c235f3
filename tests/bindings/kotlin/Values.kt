/** Strings, times and whole stores, there and back. */

import java.nio.charset.MalformedInputException
import java.nio.file.Path
import java.time.Instant
import java.util.UUID
import kotlin.io.path.appendText
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.writeText
import sessionlog.Query
import sessionlog.SessionLogException
import sessionlog.Store

class Values : Case() {
    fun `hostile strings come back byte for byte`() {
        val store = store()
        val strings = listOf(
            "",
            "\uFEFFkai",
            "\u0301",
            "👩\u200D👩\u200D👧",
            "a\u0000b\u0001\u001F\uFFFE\uFFFF",
            "\uDBFF\uDFFF",
            "<&\"'>]]>",
            "é".repeat(512),
            "n".repeat(1_024),
            "\u202Eabc",
        )
        val numbered = strings.withIndex().associate { (index, text) -> index + 1L to text }
        for ((number, text) in numbered) store.append(log(number, user = text, client = text))
        for ((number, text) in numbered) {
            val found = store.get(uid(number))!!
            for (back in listOf(found.user, found.clientReferUid)) {
                holds(back.toByteArray().contentEquals(text.toByteArray()), "$number: $back")
            }
            same(store.count(Query(clientReferUid = text)), 1uL)
        }
        // What is no Unicode does not come to the store.
        for (text in listOf("\uD800", "a\uDC00", "\uDC00\uD800")) {
            thrown<MalformedInputException> { store.append(log(99, user = text)) }
            thrown<MalformedInputException> { store.startAs(uid(99), ANN, "Ann", text) }
            thrown<MalformedInputException> { store.count(Query(clientReferUid = text)) }
        }
        same(store.get(uid(99)), null)
        // And keeps no store from being closed.
        store.shutdown()
        Store.open(path).shutdown()
    }

    // Python has the microsecond here, which is the finest that its type has.
    fun `times are exact to the tick and floored to it`() {
        val store = store()
        val exact = listOf(
            "0001-01-01T00:00:00.0000001Z",
            "1969-12-31T23:59:59.9999999Z",
            "1970-01-01T00:00:00Z",
            "2026-11-01T02:30:00.1234567Z",
            "9999-12-31T23:59:59.9999999Z",
        )
        val floored = listOf(
            "1950-06-01T00:00:00.000000199Z" to "1950-06-01T00:00:00.0000001Z",
            "1969-12-31T23:59:59.999999999Z" to "1969-12-31T23:59:59.9999999Z",
            "1970-01-01T00:00:00.000000099Z" to "1970-01-01T00:00:00Z",
            "2026-11-01T02:30:00.123456789Z" to "2026-11-01T02:30:00.1234567Z",
        )
        val times = exact.map { it to it } + floored
        for ((index, pair) in times.withIndex()) {
            val (given, kept) = pair.toList().map(Instant::parse)
            val number = index + 1L
            store.append(log(number, given, given))
            same(store.get(uid(number)), log(number, kept, kept))
        }
        same(importedStart(store), Instant.parse("1950-06-01T00:00:00.1234567Z"))
        for (time in listOf("+10000-01-01T00:00:00Z", "0000-12-31T23:59:59.9999999Z").map(Instant::parse)) {
            refused<SessionLogException.InvalidInput>("session_start") { store.append(log(100, time)) }
        }
        for (time in listOf(Instant.MIN, Instant.MAX)) {
            refused<SessionLogException.InvalidInput>("session_start") { store.append(log(100, time)) }
            refused<SessionLogException.InvalidInput>("session_end") { store.end(uid(99), time) }
        }
        val always = Query(startedAfter = Instant.MIN, startedBefore = Instant.MAX)
        same(store.count(always), times.size.toULong() + 1u)
        same(store.get(uid(99))!!.sessionEnd, null)
        same(store.count(Query()), times.size.toULong() + 1u)
    }

    /** What another program has stored to the tick, under an id that it wrote as text. */
    private fun importedStart(store: Store): Instant {
        val uid = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff")
        val file = folder.resolve("ticks.jsonl")
        file.writeText("${row(uid)}\n${row(uid(99))}\n")
        same(store.importJsonl(file.toString()).added, 2uL)
        return store.remove(uid).sessionStart
    }

    private fun row(uid: UUID) =
        """{"refer_uid": "$uid", "user_refer_uid": "$ANN", "user": "Ann", "client_refer_uid": "PDA-01", """ +
            """"session_start": "1950-06-01T00:00:00.1234567Z"}"""

    fun `an export is what is stored and can be imported twice`() {
        val store = store()
        store.appendBatch((1L..50L).map { log(it, hours(it), if (it % 2 == 1L) null else hours(it)) })
        val out = folder.resolve("out.jsonl")
        same(store.exportJsonl(Query(), "$out"), 50uL)
        val server = Store.create(file("server"))
        for (counts in listOf(listOf(50, 0, 0, 0), listOf(0, 50, 0, 0))) same(imported(server, out), counts)
        // The acknowledgement was lost; meanwhile one more started, and one that was exported ended.
        store.append(log(51, hours(51)))
        store.end(uid(1), hours(2))
        store.exportJsonl(Query(), "$out")
        same(imported(server, out), listOf(1, 49, 1, 0))
        val (here, there) = listOf(store, server).map { it.page(Query(), 0u, 100u) }
        same(there, here)
        out.appendText("no record\n")
        val rejections = server.importJsonl("$out").rejections
        same(rejections.map { it.line to it.reason.isNotEmpty() }, listOf(52uL to true))
        // Nothing that was written beside it on the way is left.
        same(folder.listDirectoryEntries().map { it.name }.sorted(), listOf("out.jsonl", "server", "store"))
        refused<SessionLogException.Unavailable> { server.importJsonl("$out.missing") }
    }

    /** What an import counted: added, already there, ended and rejected. */
    private fun imported(store: Store, file: Path): List<Int> {
        val done = store.importJsonl("$file")
        return listOf(done.added, done.alreadyThere, done.ended, done.rejected).map { it.toInt() }
    }
}
