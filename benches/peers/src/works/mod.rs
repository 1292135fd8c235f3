//! The works: each measures a group of rows, on the stores that works share or on its own.
//!
//! They come in this order, because those that write let the shared stores grow, and those with
//! stores of their own want the room.

mod appends;
mod beside;
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
    /// Whether it runs on the shared stores, which are removed before a work that does not.
    pub(crate) shares: bool,
    pub(crate) run: fn(&mut Bench) -> Result<Vec<Figure>>,
}

pub(crate) static WORKS: [Work; 13] = [
    Work {
        name: "paging",
        shares: true,
        run: paging::run,
    },
    Work {
        name: "commits",
        shares: true,
        run: appends::commits,
    },
    Work {
        name: "batches",
        shares: true,
        run: appends::batches,
    },
    Work {
        name: "sustained",
        shares: true,
        run: appends::sustained,
    },
    Work {
        name: "threads",
        shares: true,
        run: threads::run,
    },
    Work {
        name: "ends",
        shares: true,
        run: ends::run,
    },
    Work {
        name: "mixed",
        shares: true,
        run: mixed::run,
    },
    Work {
        name: "beside",
        shares: true,
        run: beside::pages,
    },
    Work {
        name: "stalls",
        shares: true,
        run: beside::stalls,
    },
    Work {
        name: "ended-in-delta",
        shares: false,
        run: ended::run,
    },
    Work {
        name: "names",
        shares: false,
        run: names::run,
    },
    Work {
        name: "open",
        shares: false,
        run: open::run,
    },
    Work {
        name: "space",
        shares: false,
        run: space::run,
    },
];
