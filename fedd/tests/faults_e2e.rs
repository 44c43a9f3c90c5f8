//! `fedd serve` when the machine fails it: a disk that is full, a clock that jumps, files that are not as it left them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use process::{PATIENCE, within};
use serde_json::json;
use serving::Home;

fn config_maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

/// Writes a config map and answers with its version.
async fn put(client: &Client, name: &str, value: &str) -> kube::Result<u64> {
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}});
    let written =
        config_maps(client).patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await?;
    Ok(written.metadata.resource_version.unwrap().parse().unwrap())
}

/// The values of all config maps of the test, by their names.
async fn values(client: &Client) -> BTreeMap<String, String> {
    let all = config_maps(client).list(&ListParams::default()).await.unwrap();
    let value = |one: ConfigMap| Some((one.metadata.name?, one.data?.remove("k")?));
    all.items.into_iter().filter_map(value).collect()
}

/// A small file system in memory, which goes with this.
struct Small(PathBuf);

impl Small {
    /// `None` where this process may not mount one.
    fn mounted(at: &Path, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m,mode=700");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    /// Leaves no space; the file that takes it.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        let mut length = 1 << 20;
        // Down to the last page.
        while length > 0 {
            if file.write_all(&vec![7; length]).is_err() {
                length /= 2;
            }
        }
        filler
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let home = Home::new();
    let Some(disk) = Small::mounted(home.data().parent().unwrap(), 24) else {
        println!("SKIPPED: a file system can be mounted by root alone");
        return;
    };
    let serving = home.serve().await;
    let client = asking_once(&home).await;
    let value = "x".repeat(100 << 10);
    let mut acknowledged = BTreeMap::new();
    put(&client, "before", "1").await.unwrap();
    acknowledged.insert("before".to_owned(), "1".to_owned());

    let filler = disk.fill();
    // What is reserved in the database's files is used up first.
    let refused = loop {
        let name = format!("cm{}", acknowledged.len());
        match put(&client, &name, &value).await {
            Ok(_) => acknowledged.insert(name, value.clone()),
            Err(error) => break error,
        };
        assert!(acknowledged.len() < 300, "the disk is never full");
    };
    let kube::Error::Api(status) = &refused else { panic!("{refused}") };
    assert_eq!((status.code, status.reason.as_str()), (503, "ServiceUnavailable"), "{refused}");
    assert!(status.message.contains("no space left for"), "{refused}");
    // Reads go on, and so does the refusal.
    assert_eq!(values(&client).await, acknowledged);
    assert!(put(&client, "late", &value).await.is_err());

    std::fs::remove_file(filler).unwrap();
    let began = Instant::now();
    while let Err(error) = put(&client, "after", "2").await {
        assert!(began.elapsed() < PATIENCE, "it never writes again: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    acknowledged.insert("after".to_owned(), "2".to_owned());
    assert_eq!(values(&client).await, acknowledged);

    // The same from the disk.
    serving.killed().await;
    let serving = home.serve().await;
    assert_eq!(values(&home.client().await).await, acknowledged);
    assert_eq!(serving.terminated().await.code(), Some(0));
}

/// The clock of a process, by Debian's libfaketime.
struct Clock(PathBuf);

impl Clock {
    /// A home whose server goes by the clock.
    fn of(home: Home) -> (Home, Self) {
        let library = testbed::faketime_library().unwrap();
        let clock = Self(home.folder().join("clock"));
        clock.jump("+0");
        let file = clock.0.to_str().unwrap().to_owned();
        let home = home.with("LD_PRELOAD", library.to_str().unwrap()).with("FAKETIME_TIMESTAMP_FILE", &file);
        // Timers go by another clock, which does not jump.
        (home.with("FAKETIME_NO_CACHE", "1").with("FAKETIME_DONT_FAKE_MONOTONIC", "1"), clock)
    }

    /// Puts the clock that far from the true time.
    fn jump(&self, by: &str) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, by).unwrap();
        std::fs::rename(next, &self.0).unwrap();
    }
}

/// A client that shows what it is answered, and does not ask again by itself.
async fn asking_once(home: &Home) -> Client {
    let kubeconfig = Kubeconfig::read_from(home.kubeconfig()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// A client with a token instead of the administrator's certificate.
async fn with_token(home: &Home, token: &str) -> Client {
    let mut kubeconfig = Kubeconfig::read_from(home.kubeconfig()).unwrap();
    for one in &mut kubeconfig.auth_infos {
        one.auth_info = Some(AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() });
    }
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Whether a token is known: who is known is told that it may not, who is not that it is not.
async fn is_known(client: &Client) -> bool {
    match config_maps(client).list(&ListParams::default()).await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) => status.code != 401,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_moves_times_and_nothing_else() {
    let (home, clock) = Clock::of(Home::new());
    let serving = home.serve().await;
    let client = home.client().await;
    let first = put(&client, "cm", "0").await.unwrap();
    let mut watch = config_maps(&client)
        .watch(&WatchParams::default().fields("metadata.name=cm"), &first.to_string())
        .await
        .unwrap()
        .boxed();

    // A token for an hour, and a lease.
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let account = serde_json::from_value(json!({"metadata": {"name": "clock"}})).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let request =
        serde_json::from_value(json!({"spec": {"audiences": [], "expirationSeconds": 3600}})).unwrap();
    let token = accounts.create_token_request("clock", &PostParams::default(), &request).await.unwrap();
    let token = with_token(&home, &token.status.unwrap().token.unwrap()).await;
    let leases: Api<Lease> = Api::namespaced(client.clone(), "default");
    let lease =
        json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "one", "leaseDurationSeconds": 15}});
    leases.create(&PostParams::default(), &serde_json::from_value(lease).unwrap()).await.unwrap();

    let mut last = first;
    // Certificates are good from five minutes before they are made, tokens from one: for clocks that do not agree.
    let jumps = [("-240", -240, false), ("+10800", 10_800, false), ("-30", -30, true), ("+0", 0, true)];
    for (step, (jump, seconds, known)) in jumps.into_iter().enumerate() {
        clock.jump(jump);
        // Revisions go on, and the watch tells of each in order.
        let value = (step + 1).to_string();
        let version = put(&client, "cm", &value).await.unwrap();
        assert!(version > last, "{jump}: {version} after {last}");
        last = version;
        let event = within("the watch tells it", watch.try_next()).await.unwrap();
        let Some(WatchEvent::Modified(seen)) = event else { panic!("{jump}: {event:?}") };
        assert_eq!(seen.metadata.resource_version, Some(version.to_string()));
        // New objects have the clock's time.
        let name = format!("made{step}");
        put(&client, &name, "x").await.unwrap();
        let made = config_maps(&client).get(&name).await.unwrap().metadata.creation_timestamp.unwrap().0;
        let wanted = Timestamp::now() + SignedDuration::from_secs(seconds);
        assert!(made.duration_since(wanted).abs() < SignedDuration::from_secs(20), "{jump}: {made}");
        // A token is good for its own time.
        assert_eq!(is_known(&token).await, known, "{jump}");
        // A lease is renewed by whoever holds it.
        let renewed = Timestamp::now().to_string();
        let renewal = json!({"spec": {"renewTime": format!("{}.000000Z", &renewed[..19])}});
        leases.patch("l", &PatchParams::default(), &Patch::Merge(renewal)).await.unwrap();
    }
    serving.killed().await;
    // Nothing depends on the time at which it starts.
    clock.jump("-240");
    let serving = home.serve().await;
    let client = home.client().await;
    assert_eq!(values(&client).await["cm"], "4");
    assert!(put(&client, "cm", "5").await.unwrap() > last);
    assert_eq!(serving.terminated().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_not_as_it_left_them_are_named() {
    let home = Home::new();
    let serving = home.serve().await;
    put(&home.client().await, "cm", "1").await.unwrap();
    assert_eq!(serving.terminated().await.code(), Some(0));
    let whole = std::fs::read(home.data()).unwrap();

    // Cut off, and with other bytes where its first tables are.
    let mut overwritten = whole.clone();
    overwritten[100..4096].fill(0xa5);
    for damaged in [&whole[..whole.len() / 2], &overwritten] {
        let path = home.folder().join("damaged.db");
        std::fs::write(&path, damaged).unwrap();
        let output = home.tried(&path, None).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("damaged.db") && said.contains("is not a sound database"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(std::fs::read(&path).unwrap() == damaged, "the evidence has been changed");
    }

    // On a file system that is read only, which stops root too.
    let folder = home.folder().join("readonly");
    if let Some(disk) = Small::mounted(&folder, 16) {
        let path = folder.join("fedd.db");
        std::fs::write(&path, &whole).unwrap();
        let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status();
        assert!(remount.unwrap().success());
        let output = home.tried(&path, None).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("readonly") && !said.contains("panicked"), "{said}");
    } else {
        println!("SKIPPED: a file system can be mounted by root alone");
    }

    // The file that was left alone is as it was.
    let serving = home.serve().await;
    assert_eq!(values(&home.client().await).await["cm"], "1");
    assert_eq!(serving.terminated().await.code(), Some(0));
}
