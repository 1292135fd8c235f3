//! Signals that ask a process to end, and commands that then end in good order.

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError, bounded, select};
use std::convert::Infallible;
use std::io;
use std::process;
use std::thread;
use std::time::Duration;
use tokio::runtime;

/// The signals that ask a process to end.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Where there are no signals but Ctrl-C.
#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Signals {
    pub(super) async fn second(&mut self) {
        self.next().await;
        self.next().await;
    }
}

/// The exit code of a command that was interrupted: 128 and the number of SIGINT, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

/// How much later than another process of a pipeline this one may be asked to end.
const TOGETHER: Duration = Duration::from_millis(20);

/// Whether this process was asked to end. Asked twice, it ends at once.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    /// Disconnected by then. Nothing ever comes.
    ended: Receiver<Infallible>,
}

impl Interrupt {
    /// From now on, signals only set this.
    pub(super) fn watch() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut signals = {
            let _context = runtime.enter();
            Signals::new()?
        };
        let (sender, ended) = bounded(0);
        let wait = move || {
            runtime.block_on(async {
                signals.next().await;
                drop(sender);
                signals.next().await;
                process::exit(INTERRUPTED.into());
            });
        };
        thread::Builder::new().name("signals".into()).spawn(wait)?;
        Ok(Self { ended })
    }

    pub(super) fn has_come(&self) -> bool {
        matches!(self.ended.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Waits for it.
    pub(super) async fn coming(&self) {
        while !self.has_come() {
            tokio::time::sleep(TOGETHER).await;
        }
    }

    /// Waits for so long, unless it comes: then `false`.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        self.ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }

    /// What comes next; `None` if nothing more does.
    ///
    /// # Errors
    ///
    /// [`interrupted`] if the process is asked to end first, or together with the end: who writes into
    /// a pipe is asked, too.
    pub(super) fn receive<T>(&self, from: &Receiver<T>) -> io::Result<Option<T>> {
        let next = select! {
            recv(from) -> next => next.ok(),
            recv(self.ended) -> _ => None,
        };
        match next {
            None if !self.sleep(TOGETHER) => Err(interrupted()),
            _ if self.has_come() => Err(interrupted()),
            next => Ok(next),
        }
    }
}

/// What a read gives that is not made any more.
pub(super) fn interrupted() -> io::Error {
    // Not of the kind of this name: that asks for another try.
    io::Error::other("interrupted")
}
