//! Inner nodes in memory, whatever state they were read in: an id stands for one content.

use crate::engine::Body;
use crate::names::IdHasher;
use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, PoisonError, RwLock};

/// A cache bounded in bytes. What is in it was read and checked once; only nodes of committed
/// states may enter, since the ids of a commit that failed are given out again.
pub(super) struct InnerNodes(RwLock<NodeCache>);

type NodeCache =
    Cache<u64, Arc<[u8]>, ByBytes, BuildHasherDefault<IdHasher>, DefaultLifecycle<u64, Arc<[u8]>>>;

/// Bytes that an entry costs besides the node.
const ENTRY_BYTES: u64 = 96;

/// What a node weighs in the middle.
const NODE_BYTES: usize = 3_000;

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<u64, Arc<[u8]>> for ByBytes {
    fn weight(&self, _: &u64, node: &Arc<[u8]>) -> u64 {
        ENTRY_BYTES + node.len() as u64
    }
}

impl fmt::Debug for InnerNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("InnerNodes").field(&cache.len()).finish()
    }
}

impl InnerNodes {
    pub(super) fn new(bytes: usize) -> Self {
        let hasher = BuildHasherDefault::default();
        let items = bytes / NODE_BYTES;
        let lifecycle = DefaultLifecycle::default();
        Self(RwLock::new(Cache::with(
            items,
            bytes as u64,
            ByBytes,
            hasher,
            lifecycle,
        )))
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<[u8]>> {
        let cache = self.0.read().unwrap_or_else(PoisonError::into_inner);
        cache.get(&id).cloned()
    }

    pub(super) fn insert(&self, id: u64, body: &Body<'_>) {
        let mut cache = self.0.write().unwrap_or_else(PoisonError::into_inner);
        cache.insert(id, Arc::from(&**body));
    }
}
