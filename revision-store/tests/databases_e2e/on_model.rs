//! The databases, compared with the model.

use proptest::prelude::*;
use testbed::DatabaseKind;

use crate::{
    backends,
    model::{Reopen, Step, block_on, run, steps},
};

fn on(kind: DatabaseKind, steps: Vec<Step>) {
    block_on(async {
        let datastore = backends::fresh(kind).await;
        let reopen: Reopen = Box::new(move || {
            let datastore = datastore.clone();
            Box::pin(async move { datastore.open().await.unwrap() })
        });
        run(reopen().await, Some(reopen), steps).await;
    });
}

proptest! {
    // Each case makes a database and waits for the disk many times.
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn mariadb_does_as_the_model(steps in steps()) {
        on(DatabaseKind::MariaDb, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn oceanbase_does_as_the_model(steps in steps()) {
        on(DatabaseKind::OceanBase, steps);
    }
}
