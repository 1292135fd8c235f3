//! The nodes that one answer has read, so that its parts read none of them again.

use super::reader::{Body, MainReader};
use crate::counted::NodeReader;
use crate::error::Result;
use std::cell::OnceCell;
use std::ops::Deref;

/// As many as the two ends of a window and the way to a page can touch at ten million sessions.
const PINS: usize = 8;

/// Reads nodes and keeps the first few: finding where a window begins, where it ends, and where a
/// page in it lies goes down the same nodes.
#[derive(Debug)]
pub(crate) struct Pins<'v> {
    main: &'v MainReader,
    kept: [OnceCell<(u64, Body<'v>)>; PINS],
}

impl<'v> Pins<'v> {
    pub(crate) fn new(main: &'v MainReader) -> Self {
        Self {
            main,
            kept: [const { OnceCell::new() }; PINS],
        }
    }
}

/// A node that is kept, or one for which there was no room.
pub(crate) enum Pinned<'a, 'v> {
    Kept(&'a Body<'v>),
    Passing(Body<'v>),
}

impl Deref for Pinned<'_, '_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Kept(body) => body,
            Self::Passing(body) => body,
        }
    }
}

impl<'v> NodeReader for Pins<'v> {
    type Bytes<'a>
        = Pinned<'a, 'v>
    where
        Self: 'a;

    fn node(&self, id: u64) -> Result<Pinned<'_, 'v>> {
        for kept in &self.kept {
            match kept.get() {
                Some((other, body)) if *other == id => return Ok(Pinned::Kept(body)),
                Some(_) => {}
                None => {
                    let body = self.main.node(id)?;
                    return Ok(Pinned::Kept(&kept.get_or_init(|| (id, body)).1));
                }
            }
        }
        self.main.node(id).map(Pinned::Passing)
    }
}
