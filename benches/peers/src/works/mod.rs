//! The works: each measures a group of rows, on the stores that works share or on its own.
//!
//! They come in this order, because those that write let the shared stores grow.

mod appends;
mod ended;
mod ends;
mod mixed;
mod names;
mod open;
mod paging;
mod space;
mod syncs;
mod threads;

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;

/// A group of rows.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Bench) -> Result<Vec<Figure>>,
}

pub(crate) static WORKS: [Work; 10] = [
    Work {
        name: "paging",
        run: paging::run,
    },
    Work {
        name: "commits",
        run: appends::commits,
    },
    Work {
        name: "batches",
        run: appends::batches,
    },
    Work {
        name: "threads",
        run: threads::run,
    },
    Work {
        name: "ends",
        run: ends::run,
    },
    Work {
        name: "mixed",
        run: mixed::run,
    },
    Work {
        name: "ended-in-delta",
        run: ended::run,
    },
    Work {
        name: "names",
        run: names::run,
    },
    Work {
        name: "open",
        run: open::run,
    },
    Work {
        name: "space",
        run: space::run,
    },
];
