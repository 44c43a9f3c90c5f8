//! One shard: its leader is paused, and then killed.

use serde_json::json;

use crate::process::within;
use crate::rollout::{all_hold, federated_namespace, note_effects, nothing_was_done_twice, roll_out};
use crate::{client_of, replicas};

const OBJECTS: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_paused_and_one_that_is_killed_leave_the_rollout_to_the_next_and_nothing_is_done_twice()
 {
    let (_database, homes, [one, other]) = replicas(&[]).await;
    let client = homes[0].client().await;
    federated_namespace(&client, "app", json!({})).await;
    let members = tokio::join!(homes[0].joined("m1", &[]), homes[0].joined("m2", &[]));
    let members = [members.0, members.1];
    let effects = [note_effects(&members[0].client).await, note_effects(&members[1].client).await];

    within("a leader", one.says_or(&other, "promoted as leader")).await;
    let (leader, follower, home) =
        if one.has_said("promoted as leader") { (one, other, 1) } else { (other, one, 0) };
    let through_follower = client_of(&homes[home], &homes[0]).await;
    roll_out(&through_follower, "app", OBJECTS, "1").await;
    // In the midst of it: paused for longer than its Lease lasts.
    leader.signal("-STOP");
    roll_out(&through_follower, "app", OBJECTS, "2").await;
    follower.says("promoted as leader", 1).await;
    all_hold(&effects, OBJECTS, "2").await;
    leader.signal("-CONT");
    leader.says("lost lease", 1).await;
    leader.says("waits for the lease", 2).await;

    // It serves on, and leads again when the other is killed in the midst of the next.
    let through_leader = client_of(&homes[1 - home], &homes[0]).await;
    roll_out(&through_leader, "app", OBJECTS, "3").await;
    follower.killed().await;
    roll_out(&through_leader, "app", OBJECTS, "4").await;
    leader.says("promoted as leader", 2).await;
    all_hold(&effects, OBJECTS, "4").await;

    nothing_was_done_twice(&effects);
}
