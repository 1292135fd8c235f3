/**
 * The whole of the bindings from Kotlin, beside the same suite in Python: how tests are run, and what they
 * share.
 *
 * A test is a function of a group, named for the promise it holds the bindings to, as it is in Python; what
 * only one of them has says so. The library is on `jna.library.path`, and the bindings are in a jar on the
 * class path, since one test changes a copy of it.
 */

import java.io.File
import java.lang.reflect.InvocationTargetException
import java.lang.reflect.Method
import java.lang.reflect.Modifier
import java.nio.file.Files
import java.nio.file.NoSuchFileException
import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import java.util.UUID
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readLines
import kotlin.system.exitProcess
import sessionlog.Options
import sessionlog.SessionLog
import sessionlog.SessionLogException
import sessionlog.Store
import sessionlog.detail
import sessionlog.member
import sessionlog.uniffiEnsureInitialized

val ANN = uid(7)
val BEN = uid(8)
val START: Instant = Instant.parse("2026-11-01T08:00:00Z")
val HOUR: Duration = Duration.ofHours(1)

/** How long is waited for what happens by itself: much longer than it takes. */
private val PATIENCE = Duration.ofSeconds(60)

fun main(arguments: Array<String>) {
    when (arguments.firstOrNull()) {
        "write" -> write(arguments[1], arguments[2].toLong())
        "load" -> uniffiEnsureInitialized()
        else -> exitProcess(if (passes(listOf(::Api, ::Errors, ::Values, ::Lives))) 0 else 1)
    }
}

/** Runs every test, each in a case of its own, and answers whether all of them passed. */
private fun passes(groups: List<() -> Case>): Boolean {
    val failures = groups.flatMap { group -> tests(group).map { test -> failure(group(), test) } }
    val failed = failures.count { it != null }
    println("${failures.size - failed} passed, $failed failed")
    return failed == 0
}

private fun tests(group: () -> Case): List<Method> {
    val functions = group().javaClass.declaredMethods
    return functions.filter { Modifier.isPublic(it.modifiers) && !it.isSynthetic }.sortedBy { it.name }
}

/** Why a test failed, if it did. */
private fun failure(case: Case, test: Method): Throwable? {
    val began = System.nanoTime()
    val failure = try {
        test.invoke(case)
        null
    } catch (thrown: InvocationTargetException) {
        thrown.targetException
    } finally {
        case.folder.toFile().deleteRecursively()
    }
    val took = Duration.ofNanos(System.nanoTime() - began).toMillis()
    val result = if (failure == null) "passed" else "FAILED"
    println("${case.javaClass.name}: ${test.name}: $result in $took ms")
    failure?.printStackTrace(System.out)
    return failure
}

/** One test's folder, and what tests say. */
abstract class Case {
    val folder: Path by lazy { Files.createTempDirectory("sessionlog-").toRealPath() }
    val path: String get() = file("store")

    fun file(name: String): String = folder.resolve(name).toString()

    fun store(options: Options = Options()): Store = Store.create(path, options)

    /** Names and values are compared as they are: a number of another type is another. */
    fun same(found: Any?, expected: Any?) {
        if (found != expected) throw AssertionError("found $found, expected $expected")
    }

    fun holds(fact: Boolean, told: Any? = "it does not hold") {
        if (!fact) throw AssertionError(told.toString())
    }

    fun contains(text: String, part: String) = holds(part in text, "no $part in $text")

    inline fun <reified E : Throwable> thrown(call: () -> Unit): E {
        try {
            call()
        } catch (thrown: Throwable) {
            if (thrown is E) return thrown
            throw thrown
        }
        throw AssertionError("no ${E::class.simpleName}")
    }

    inline fun <reified E : SessionLogException> refused(member: String? = null, call: () -> Unit): E {
        val error = thrown<E>(call)
        val (found, detail) = parts(error)
        same(found, member)
        holds(detail.isNotEmpty(), "no detail")
        contains(error.toString(), "${E::class.simpleName}: $detail")
        contains(error.message.orEmpty(), detail)
        return error
    }

    fun until(what: String, fact: () -> Boolean) {
        val end = System.nanoTime() + PATIENCE.toNanos()
        while (!fact()) {
            holds(System.nanoTime() < end, "not within $PATIENCE: $what")
            Thread.sleep(1)
        }
    }
}

/** What all kinds have. */
fun parts(error: SessionLogException): Pair<String?, String> = error.member to error.detail

fun uid(number: Long) = UUID(0, number)

fun log(
    number: Long,
    start: Instant = START,
    end: Instant? = null,
    user: String = "Ann",
    userReferUid: UUID = ANN,
    client: String = "PDA-01",
) = SessionLog(uid(number), userReferUid, user, client, start, end)

fun hours(count: Long): Instant = START + HOUR.multipliedBy(count)

fun ids(logs: List<SessionLog>): List<Long> = logs.map { it.referUid.leastSignificantBits }

/** What this process has open below a folder, files that have no name any more too. */
fun openFiles(folder: Path): List<String> {
    val links = Path.of("/proc/self/fd").listDirectoryEntries()
    return links.mapNotNull(::target).filter { it.startsWith("$folder") }
}

private fun target(link: Path): String? = try {
    Files.readSymbolicLink(link).toString()
} catch (_: NoSuchFileException) {
    null
}

/** The locks that anybody has on files of a folder. */
fun locks(folder: Path): List<String> {
    val inodes = folder.listDirectoryEntries().map { ":${Files.getAttribute(it, "unix:ino")} " }
    return Path.of("/proc/locks").readLines().filter { row -> inodes.any { it in row } }
}

/** This program again, in a process of its own, with these jars. */
fun child(jars: List<File>, vararg arguments: String): ProcessBuilder {
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
    val libraries = "-Djna.library.path=${System.getProperty("jna.library.path")}"
    val path = jars.joinToString(File.pathSeparator)
    return ProcessBuilder(java, libraries, "-cp", path, "SuiteKt", *arguments)
}

fun jars(): List<File> = System.getProperty("java.class.path").split(File.pathSeparator).map(::File)

/** Logs sessions until it is killed, and tells of each what it was told. */
private fun write(path: String, round: Long) {
    val store = Store.openOrCreate(path)
    while (true) {
        val session = store.start(uid(1 + round), "Ann", "PDA-01")
        tell("$session started")
        store.end(session, Instant.now() + HOUR)
        tell("$session ended")
    }
}

private fun tell(line: String) {
    println(line)
    System.out.flush()
}
