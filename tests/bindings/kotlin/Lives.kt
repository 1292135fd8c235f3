/** What stores live through: threads, the collector, suspension, kills, and a library of other sources. */

import java.io.BufferedReader
import java.io.File
import java.lang.ref.Reference
import java.nio.ByteBuffer
import java.nio.file.Path
import java.time.Instant
import java.util.UUID
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.jar.JarEntry
import java.util.jar.JarFile
import java.util.jar.JarOutputStream
import kotlin.concurrent.thread
import sessionlog.Query
import sessionlog.SessionLogException
import sessionlog.Store
import sessionlog.interfaceFingerprint

/** What the system says of a process that was killed: 128, and the signal. */
private const val KILLED = 128 + 9

class Lives : Case() {
    fun `threads share a store`() {
        val store = store()
        val failures = ConcurrentLinkedQueue<Throwable>()
        val threads = (1L..8L).map { number ->
            val thread = thread(start = false) { work(store, number) }
            thread.setUncaughtExceptionHandler { _, failure -> failures.add(failure) }
            thread
        }
        threads.forEach { it.start() }
        threads.forEach { it.join() }
        same(failures.toList(), emptyList<Throwable>())
        same(store.count(Query()), 400uL)
        same(store.verify().faultCount, 0uL)
    }

    private fun work(store: Store, number: Long) = repeat(50) {
        val session = store.start(uid(number), "User $number", "PDA-01")
        store.end(session, Instant.now() + HOUR)
        val query = Query(userReferUid = uid(number))
        same(store.page(query, 0u, 100u).totalRecordCount, store.count(query))
    }

    fun `what is not let go of is collected`() {
        forget()
        // A store that nobody has is closed, and its lock is free.
        until("the store is collected") {
            System.gc()
            opens()
        }
    }

    /** In a function of its own, after which nothing refers to the store. */
    private fun forget() {
        val store = store()
        store.appendBatch((1L..100L).map { log(it) })
        hold(store)
        repeat(10_000) {
            store.snapshot().walk(Query())
            store.page(Query(), 0u, 100u)
        }
        until("the snapshots are collected") {
            System.gc()
            store.stats().snapshotCount == 0uL
        }
    }

    private fun hold(store: Store) {
        val held = List(100) { store.snapshot() }
        same(store.stats().snapshotCount, 100uL)
        Reference.reachabilityFence(held)
    }

    private fun opens(): Boolean = try {
        Store.open(path).shutdown()
        true
    } catch (_: SessionLogException.AlreadyOpen) {
        false
    }

    // Python has no such end of a scope.
    fun `what is closed is let go of at once`() {
        val store = store()
        store.appendBatch((1L..100L).map { log(it) })
        val snapshot = store.snapshot()
        val walk = snapshot.use { it.walk(Query()) }
        thrown<IllegalStateException> { snapshot.count(Query()) }
        // The walk keeps what it reads from.
        same(store.stats().snapshotCount, 1uL)
        walk.use { same(ids(it.take(1_000u)), (1L..100L).toList()) }
        same(store.stats().snapshotCount, 0uL)
        walk.close()
        // The last that has the store closes it.
        store.use { same(it.count(Query()), 100uL) }
        thrown<IllegalStateException> { store.count(Query()) }
        Store.open(path).use { it.shutdown() }
    }

    fun `a suspended store has no lock and no file open`() {
        val store = store()
        val files = Path.of(path)
        store.start(ANN, "Ann", "PDA-01")
        val snapshot = store.snapshot()
        holds(openFiles(files).isNotEmpty(), "no file is open")
        same(locks(files).size, 1)
        store.suspend()
        store.suspend()
        same(openFiles(files) to locks(files), emptyList<String>() to emptyList<String>())
        // As an extension of the app does, or the app in another process.
        val other = Store.open(path)
        refused<SessionLogException.AlreadyOpen> { store.resume() }
        other.start(BEN, "Ben", "PDA-01")
        other.shutdown()
        store.resume()
        store.resume()
        same(store.count(Query()), 2uL)
        store.shutdown()
        same(openFiles(files), emptyList<String>())
        Reference.reachabilityFence(snapshot)
    }

    fun `what was told to be written is there once after a kill`() {
        val told = mutableMapOf<UUID, String>()
        for (round in 0..4) {
            told += toldUntilKilled(round)
            val store = Store.open(path)
            for ((session, state) in told) {
                val found = store.get(session)
                holds(found != null, "$session was $state and is lost")
                if (state == "ended") holds(found!!.sessionEnd != null, "the end of $session is lost")
            }
            val rows = store.page(Query(), 0u, 10_000u).entries
            same(rows.distinctBy { it.referUid }.size, rows.size)
            // What was done but not told may be there too, one session at most a time.
            holds(rows.size <= told.size + round + 1, "${rows.size} rows, ${told.size} told")
            same(store.verify().faultCount, 0uL)
            store.shutdown()
        }
    }

    /** What a process told of its sessions before it was killed, and was in the pipe then. */
    private fun toldUntilKilled(round: Int): Map<UUID, String> {
        val errors = ProcessBuilder.Redirect.INHERIT
        val child = child(jars(), "write", path, "$round").redirectError(errors).start()
        try {
            val lines = child.inputReader()
            val told = lines.lineSequence().take(7 + 20 * round).toList()
            // By its handle: the process itself would close the pipe.
            child.toHandle().destroyForcibly()
            val rest = lines.readLines()
            same(child.waitFor(), KILLED)
            return (told + rest).associate(::read)
        } finally {
            child.destroyForcibly()
        }
    }

    private fun read(line: String): Pair<UUID, String> {
        val (session, state) = line.split(" ")
        return UUID.fromString(session) to state
    }

    fun `bindings refuse a library that was not made of the same sources`() {
        // The constants that they compare with, as classes have them: their kind and their bytes.
        val fingerprint = ByteBuffer.allocate(9).put(5).putLong(interfaceFingerprint().toLong()).array()
        val checksumBits = ByteBuffer.allocate(5).put(3).putInt(0xFFFF).array()
        same(load("same.jar", "UniffiLib", fingerprint) { it }.first, 0)
        val (status, told) = load("fingerprint.jar", "UniffiLib", fingerprint, ::changed)
        holds(status != 0, "other sources are taken: $told")
        contains(told, "not made of the same sources")
        // Without the lowest of the bits, half of the checksums are other ones.
        val (refused, mismatch) = load("checksum.jar", "SessionlogKt", checksumBits, ::changed)
        holds(refused != 0, "other checksums are taken: $mismatch")
        contains(mismatch, "checksum mismatch")
    }

    /** How a process ends, and what it tells, that loads bindings of which one constant is another. */
    private fun load(
        name: String,
        type: String,
        constant: ByteArray,
        change: (ByteArray) -> ByteArray,
    ): Pair<Int, String> {
        val bindings = File(Store::class.java.protectionDomain.codeSource.location.toURI())
        val copy = File(file(name))
        copy(JarFile(bindings), copy) { entry, bytes ->
            if (entry == "sessionlog/$type.class") replaced(bytes, constant, change(constant)) else bytes
        }
        val jars = jars().map { if (it.canonicalFile == bindings.canonicalFile) copy else it }
        val child = child(jars, "load").redirectErrorStream(true).start()
        val told = child.inputReader().use(BufferedReader::readText)
        return child.waitFor() to told
    }

    private fun copy(from: JarFile, to: File, change: (String, ByteArray) -> ByteArray) = from.use {
        JarOutputStream(to.outputStream()).use { out ->
            for (entry in from.entries()) {
                out.putNextEntry(JarEntry(entry.name))
                out.write(change(entry.name, from.getInputStream(entry).readBytes()))
            }
        }
    }

    /** The bytes with others in the one place where these are. */
    private fun replaced(bytes: ByteArray, these: ByteArray, others: ByteArray): ByteArray {
        val isHere = { at: Int -> these.indices.all { bytes[at + it] == these[it] } }
        val places = (0..bytes.size - these.size).filter(isHere)
        same(places.size, 1)
        return bytes.copyOf().also { others.copyInto(it, places.single()) }
    }

    private fun changed(constant: ByteArray): ByteArray {
        val last = constant.lastIndex
        return constant.copyOf().also { it[last] = (it[last].toInt() xor 1).toByte() }
    }
}
