// A time clock on a handset: people log in and out by commands on standard input.
//
// It is an example of an app that logs sessions, from its opening to its end, with what comes between: the
// process is killed, the app goes to the background, the clock is set back. Started as `AppKt DIRECTORY`, it
// says how many sessions a killed process had left open, and then answers one command a line:
//
//     in NAME         logs in; the answer is the session's id, once it is durable
//     out ID [TIME]   logs out, now or at a time such as 2026-11-28T17:30:00Z
//     list SIZE       all sessions, the newest first, read in pages of SIZE; then the totals
//     open            how many sessions are open
//     background      the app is about to be suspended
//     foreground      it is back
//     quit            closes the store
//
// A command that fails is answered with `failed: KIND: DETAIL`.

import java.io.PrintStream
import java.time.Instant
import java.util.UUID
import kotlin.system.exitProcess
import sessionlog.Options
import sessionlog.Page
import sessionlog.Query
import sessionlog.Retention
import sessionlog.SessionLogException
import sessionlog.Store

private const val CLIENT = "CLOCK-01" // what this handset calls itself in the log

// UTF-8 whatever the locale, and flushed after each line.
private val out = PrintStream(System.out, true, Charsets.UTF_8)

private fun logIn(store: Store, name: String): UUID {
    // An app with accounts has ids of its users; here one is made of the name, always the same.
    val user = UUID.nameUUIDFromBytes(name.toByteArray())
    return store.start(user, name, CLIENT)
}

private fun logOut(store: Store, session: UUID, at: Instant): String =
    try {
        store.end(session, at)
        "out $session"
    } catch (early: SessionLogException.InvalidInput) {
        val start = early.sessionStart ?: throw early // something else was wrong
        // The clock was set back since the login. To end at the start is a decision of this app.
        store.end(session, start)
        "out $session at its start $start, since $at is before it"
    }

// Every session and then the totals, a line each. Nobody else writes while it goes through the pages.
private fun listAll(store: Store, size: UInt) {
    var index = 0u
    var page: Page
    do {
        page = store.page(Query(newestFirst = true), index++, size)
        for (log in page.entries) {
            out.println("${log.referUid} ${log.sessionStart} ${log.sessionEnd ?: "open"} ${log.user}")
        }
    } while (index < page.totalPageCount)
    out.println("${page.totalRecordCount} sessions on ${page.totalPageCount} pages")
}

private fun answer(store: Store, command: String, arguments: String) {
    val words = arguments.split(' ').filter(String::isNotEmpty)
    if (command == "in" && words.isNotEmpty()) { // a name may have spaces
        out.println(logIn(store, arguments))
        return
    }
    when (command to words.size) {
        "out" to 1 -> out.println(logOut(store, UUID.fromString(words[0]), Instant.now()))
        "out" to 2 -> out.println(logOut(store, UUID.fromString(words[0]), Instant.parse(words[1])))
        "list" to 1 -> listAll(store, words[0].toUInt())
        "open" to 0 -> out.println("${store.count(Query(openSessionsOnly = true))} open")
        "background" to 0 -> {
            store.suspend() // from here on the app holds no file and no lock
            out.println("suspended")
        }
        "foreground" to 0 -> {
            store.resume()
            out.println("resumed")
        }
        else -> throw IllegalArgumentException("no such command: $command $arguments".trimEnd())
    }
}

private fun run(store: Store) {
    val left = store.endOpenBefore(Instant.now()) // those that start later, by a wrong clock, stay open
    out.println("${left.ended} were left open and have ended, ${left.leftOpen} start in the future")
    for (line in generateSequence(System.`in`.bufferedReader()::readLine).map(String::trim)) {
        if (line == "quit") break
        try {
            answer(store, line.substringBefore(' '), line.substringAfter(' ', ""))
        } catch (error: SessionLogException) {
            out.println("failed: $error") // its kind and detail
        } catch (error: RuntimeException) { // an argument that is no id, number or time
            out.println("failed: Usage: ${error.message}")
        }
    }
    store.shutdown() // close() would only let go of the object, and tell of no failure
    out.println("closed")
}

fun main(args: Array<String>) {
    if (args.size != 1) {
        System.err.println("usage: AppKt DIRECTORY")
        exitProcess(1)
    }
    try {
        // The oldest sessions that have ended make room for new ones.
        run(Store.openOrCreate(args[0], Options(retention = Retention(sessionsMax = 10_000u))))
    } catch (error: SessionLogException) {
        System.err.println("failed: $error")
        exitProcess(1)
    }
}
