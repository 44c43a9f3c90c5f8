//! A sum over all that is stored at a revision: equal sums of two endpoints say that they serve the same. It is not the
//! sum that etcd makes, since that is over its own files.

use revision_store::{Range, Revision};
use tonic::Status;

use crate::{Endpoint, status};

/// How many keys are read at one go.
const PAGE: usize = 500;

impl Endpoint {
    /// The sum of all keys, values and revisions at a revision; `None`: the newest.
    pub(crate) async fn hash_at(&self, at: Option<Revision>) -> Result<u32, Status> {
        let mut range = Range { limit: PAGE, at, ..Range::default() };
        let mut sum = Sum::new();
        loop {
            let page = self.store().list(range.clone()).await.map_err(|error| status::of_store(&error))?;
            for entry in &page.entries {
                sum.add(entry.key.as_bytes());
                sum.add(&entry.value);
                sum.add(&entry.create_revision.to_le_bytes());
                sum.add(&entry.mod_revision.to_le_bytes());
            }
            if page.remaining == 0 {
                return Ok(sum.0);
            }
            let after = page.entries.last().map(|entry| entry.key.clone());
            range = Range { at: Some(page.revision), after, ..range };
        }
    }
}

/// FNV-1a over texts, each with its length.
struct Sum(u32);

impl Sum {
    fn new() -> Self {
        Self(0x811c_9dc5)
    }

    fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
}
