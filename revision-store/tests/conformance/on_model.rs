//! The backends of one process, compared with the model.

use proptest::prelude::*;

use crate::{
    backends,
    model::{Reopen, block_on, run, steps},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn memory_does_as_the_model(steps in steps()) {
        block_on(run(backends::memory(), None, steps));
    }
}

proptest! {
    // Each case waits for the disk many times.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_does_as_the_model(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let reopen: Reopen = Box::new(move || {
            let path = path.clone();
            Box::pin(async move { backends::sqlite(&path).await })
        });
        block_on(async { run(reopen().await, Some(reopen), steps).await });
    }
}
