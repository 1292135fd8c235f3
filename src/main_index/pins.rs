//! The nodes of one answer: inner ones from memory, and leaves that none of its parts reads again.

use super::reader::MainReader;
use crate::counted::{NodeReader, is_inner};
use crate::engine::Body;
use crate::error::Result;
use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

/// As many leaves as the two ends of a window and a page can share, and one to spare.
const PINS: usize = 4;

/// Reads nodes and keeps the first few leaves: where a window begins and where it ends, a page of
/// it often begins or ends too.
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

/// An inner node from memory, a leaf that is kept, or one for which there was no room.
pub(crate) enum Pinned<'a, 'v> {
    Inner(Arc<[u8]>),
    Kept(&'a Body<'v>),
    Passing(Body<'v>),
}

impl Deref for Pinned<'_, '_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Inner(node) => node,
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
        if let Some(node) = self.main.inner_nodes().get(id) {
            return Ok(Pinned::Inner(node));
        }
        let kept = self.kept.iter().map_while(OnceCell::get);
        if let Some((_, body)) = kept.into_iter().find(|(other, _)| *other == id) {
            return Ok(Pinned::Kept(body));
        }
        let body = self.main.node(id)?;
        if is_inner(&body) {
            self.main.inner_nodes().insert(id, &body);
            return Ok(Pinned::Passing(body));
        }
        match self.kept.iter().find(|cell| cell.get().is_none()) {
            Some(free) => Ok(Pinned::Kept(&free.get_or_init(|| (id, body)).1)),
            None => Ok(Pinned::Passing(body)),
        }
    }
}
