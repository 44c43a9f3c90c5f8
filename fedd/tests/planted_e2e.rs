//! Nobody who looks for a member's token finds it outside of the memory of a process: not in the database and its log, a
//! backup, the audit log, logs at the highest level, metrics, errors, or a core dump. The same search finds it where
//! tokens are not sealed, and in memory: it is a search.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use fedd::sealing::{Sealing, SealingArgs};
use federation_model::{KubeFedCluster, TOKEN_KEY};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use parking_lot::Mutex;
use propagation_engine::kube_ports::SEALED_TOKEN_KEY;
use serde_json::json;
use serving::{Home, becomes};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use process::{fedd, within};

const FEDERATION: &str = "kube-federation-system";

/// The tokens that are looked for, as they may be written: as they are, and in base64 of either alphabet with any number of
/// bytes before them. Each is cut into pieces, as a database stores long values in pieces.
///
/// Header and claims of a token are no secret and are like other tokens'; its signature makes it one.
#[derive(Default)]
struct Planted(Vec<String>);

/// Characters of a piece: nothing is so by chance.
const PIECE: usize = 24;

impl Planted {
    fn add(&mut self, token: &str) {
        let signature = token.rsplit('.').next().unwrap();
        assert!(token.starts_with("eyJ") && signature.len() >= 3 * PIECE, "{}", token.len());
        let mut written = vec![signature.to_owned()];
        for before in 0..3 {
            let bytes = [vec![0; before].as_slice(), signature.as_bytes()].concat();
            for text in [BASE64_STANDARD_NO_PAD.encode(&bytes), BASE64_URL_SAFE_NO_PAD.encode(&bytes)] {
                // The first and the last characters depend on what is around.
                written.push(text[4..text.len() - 4].to_owned());
            }
        }
        for text in written {
            self.0.extend(
                text.as_bytes().chunks_exact(PIECE).map(|piece| String::from_utf8(piece.to_vec()).unwrap()),
            );
        }
    }

    /// The files of a folder, and below it, that have any of it.
    fn in_folder(&self, folder: &Path) -> Vec<PathBuf> {
        let mut patterns = tempfile::NamedTempFile::new().unwrap();
        patterns.write_all(self.0.join("\n").as_bytes()).unwrap();
        let found = std::process::Command::new("grep")
            .args(["--recursive", "--files-with-matches", "--text", "--fixed-strings", "--file"])
            .arg(patterns.path())
            .arg(folder)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        // 1 is: nothing found.
        assert!(matches!(found.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&found.stderr));
        String::from_utf8(found.stdout).unwrap().lines().map(PathBuf::from).collect()
    }
}

fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), FEDERATION)
}

fn written(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A federation whose server records and logs as much as it can.
fn home(sealed: bool) -> (Home, Option<String>) {
    let home = Home::new();
    let (policy, audit) = (home.folder().join("policy.yaml"), home.folder().join("audit.log"));
    let rules =
        json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "RequestResponse"}]});
    written(&policy, &rules.to_string());
    let home = home
        .flag(format!("--audit-policy-file={}", policy.display()))
        .flag(format!("--audit-log-path={}", audit.display()))
        .flag("--log-level=trace");
    if !sealed {
        return (home, None);
    }
    let (key, config) = (home.folder().join("sealing.key"), home.folder().join("sealing.yaml"));
    written(&key, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let content = json!({"apiVersion": "fedd.io/v1", "kind": "SealingConfiguration",
        "providers": [{"name": "development", "keyFile": {"path": key}}]});
    written(&config, &content.to_string());
    let flag = format!("--sealing-config={}", config.display());
    (home.flag(&flag), Some(flag))
}

/// Runs a command, and keeps all that it says.
async fn told(home: &Home, name: &str, arguments: &[&str]) -> ExitStatus {
    let arguments = [&["--log-level=trace"], arguments].concat();
    let output = within("the command ends", fedd(&home.kubeconfig(), &arguments).output()).await.unwrap();
    written(
        &home.folder().join(name),
        &format!("{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat())),
    );
    output.status
}

async fn sealed_token(client: &Client, config: &str) -> String {
    let file = PathBuf::from(config.trim_start_matches("--sealing-config="));
    // The process of this test may be looked into.
    let arguments = SealingArgs { sealing_config: Some(file), allow_core_dumps: true };
    let sealing = Sealing::open(&arguments, client).await.unwrap().unwrap();
    let token = sealing.opened(&secrets(client).get("rz00-token").await.unwrap()).await.unwrap();
    String::from_utf8(token.expose().to_vec()).unwrap()
}

async fn is_ready(client: &Client) {
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    becomes("the member is ready", clusters, "rz00", KubeFedCluster::is_ready).await;
}

/// A backup of the database of a server that runs, as docs/datastore.md says.
async fn back_up(home: &Home) {
    let copy = format!(".backup '{}'", home.folder().join("backup.db").display());
    let status = Command::new("sqlite3").arg(home.data()).arg(copy).status();
    assert!(within("the backup ends", status).await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_token_is_found_nowhere() {
    let (home, config) = home(true);
    let config = config.unwrap();
    let serving = home.serve().await;
    let client = home.client().await;
    let _member = home.joined_with("rz00", &[], &[&config]).await;
    is_ready(&client).await;
    let mut planted = Planted::default();
    planted.add(&sealed_token(&client, &config).await);

    // Renewed, sealed anew, verified, and shown; and a joining whose every word is kept.
    for (name, command) in [
        ("rotate", vec!["rotate", "--all", "--previous-token-for=0s"]),
        ("keys", vec!["rotate-keys"]),
        ("verify", vec!["verify"]),
        ("status", vec!["status", "-o", "json"]),
    ] {
        let arguments = [&["credentials"], command.as_slice(), &[&config]].concat();
        assert!(told(&home, name, &arguments).await.success(), "{name}");
    }
    planted.add(&sealed_token(&client, &config).await);
    let kubeconfig = home.folder().join("rz00.kubeconfig");
    let join = ["join", "rz00", "--cluster-kubeconfig", kubeconfig.to_str().unwrap(), &config];
    assert!(told(&home, "join", &join).await.success());
    planted.add(&sealed_token(&client, &config).await);
    is_ready(&client).await;

    // Errors: of a value that does not open, and of a member that refuses the token.
    let patch =
        json!({"metadata": {"annotations": {"touched": "by the test"}}, "stringData": {TOKEN_KEY: null}});
    secrets(&client).patch("rz00-token", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let mut broken =
        secrets(&client).get("rz00-token").await.unwrap().data.unwrap()[SEALED_TOKEN_KEY].clone();
    *broken.0.last_mut().unwrap() ^= 1;
    let patch = json!({"data": {SEALED_TOKEN_KEY: broken}});
    secrets(&client).patch("rz00-token", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    assert!(!told(&home, "broken", &["credentials", "verify", &config]).await.success());
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    let is_told = |cluster: &KubeFedCluster| cluster.condition("CredentialsUnavailable").is_some();
    becomes("the cluster says so", clusters, "rz00", is_told).await;

    let metrics = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = client.request_text(metrics).await.unwrap();
    assert!(metrics.contains("kubefedcluster_total"), "{metrics}");
    written(&home.folder().join("metrics"), &metrics);
    back_up(&home).await;
    written(&home.folder().join("log"), &serving.told());
    assert!(std::fs::metadata(home.folder().join("audit.log")).unwrap().len() > 10_000);
    // With the file beside the database that holds the latest writes, and after it was taken in.
    assert_eq!(planted.in_folder(home.folder()), Vec::<PathBuf>::new());
    written(&home.folder().join("log"), &serving.told());
    serving.terminated().await;
    assert_eq!(planted.in_folder(home.folder()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readable_token_is_found_by_the_same_search() {
    let (home, _) = home(false);
    let serving = home.serve().await;
    let client = home.client().await;
    let _member = home.joined("rz00", &[]).await;
    let token = secrets(&client).get("rz00-token").await.unwrap().data.unwrap()[TOKEN_KEY].0.clone();
    let mut planted = Planted::default();
    planted.add(std::str::from_utf8(&token).unwrap());
    back_up(&home).await;
    serving.terminated().await;
    let found: Vec<_> = planted.in_folder(home.folder());
    let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["fedd.db", "backup.db", "audit.log"] {
        assert!(names.contains(&name), "not found in {name}, only in {names:?}");
    }
}

/// Somebody who listens, and keeps what is sent.
async fn stranger() -> (String, Arc<Mutex<String>>) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (address, heard) =
        (format!("http://{}", listener.local_addr().unwrap()), Arc::<Mutex<String>>::default());
    let kept = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 16 << 10];
            let length = stream.read(&mut bytes).await.unwrap_or_default();
            kept.lock().push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_the_address_of_a_cluster_does_not_get_its_token() {
    let (home, config) = home(true);
    let config = config.unwrap();
    let _serving = home.serve().await;
    let client = home.client().await;
    let _member = home.joined_with("rz00", &[], &[&config]).await;
    is_ready(&client).await;
    let token = sealed_token(&client, &config).await;
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    let right = clusters.get("rz00").await.unwrap().spec.api_endpoint;
    let (address, heard) = stranger().await;
    let at = async |endpoint: &str| {
        let patch = Patch::Merge(json!({"spec": {"apiEndpoint": endpoint}}));
        clusters.patch("rz00", &PatchParams::default(), &patch).await.unwrap();
    };

    at(&address).await;
    becomes("the cluster says so", clusters.clone(), "rz00", |cluster| {
        let condition = cluster.condition("ConfigMalformed").filter(|condition| condition.status == "True");
        condition.and_then(|c| c.message.as_deref()).is_some_and(|words| words.contains("is sealed for"))
    })
    .await;
    // Nor by a command that would use it there.
    assert!(!told(&home, "rotated", &["credentials", "rotate", "rz00", &config]).await.success());
    assert!(told(&home, "anew", &["credentials", "rotate-keys", &config]).await.success());
    assert_eq!(*heard.lock(), "");

    at(&right).await;
    is_ready(&client).await;
    at(&address).await;
    let accept = ["credentials", "seal", "rz00", "--accept-destination", &config];
    assert!(told(&home, "accepted", &accept).await.success());
    within("whoever is accepted gets it", async {
        while !heard.lock().contains(&token) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// The controllers, which hold the token in memory, in a folder where the system may put core dumps.
async fn controller(home: &Home, folder: &Path, flags: &[&str]) -> tokio::process::Child {
    std::fs::create_dir(folder).unwrap();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -c \"$(ulimit -H -c)\"; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_fedd"),
            "controller",
        ])
        .args(["--healthz-addr=off", "--metrics-addr=off", "--leader-elect=false", "--kubeconfig"])
        .arg(home.kubeconfig())
        .args(flags)
        .current_dir(folder)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    within("the member is connected", async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it ended");
            println!("{line}");
            if line.contains("lane begins") {
                return;
            }
        }
    })
    .await;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}

/// What a debugger reads of the memory of a process, in a file: a core dump that does not depend on how the system writes
/// them.
fn memory(process: u32, file: &Path) {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut memory = std::fs::File::open(format!("/proc/{process}/mem")).unwrap();
    let mut image = std::fs::File::create(file).unwrap();
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (begin, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let at = |text: &str| u64::from_str_radix(text, 16).unwrap();
        if memory.seek(SeekFrom::Start(at(begin))).is_ok() {
            // Some mappings cannot be read.
            let part = std::io::Read::take(&memory, at(end) - at(begin));
            let _ = std::io::copy(&mut { part }, &mut image);
        }
    }
}

async fn aborted(mut child: tokio::process::Child) -> ExitStatus {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-ABRT", &id]).status().unwrap().success());
    within("it ends", child.wait()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_holds_keys_leaves_no_core_dump() {
    let (home, config) = home(true);
    let config = config.unwrap();
    let _serving = home.serve().await;
    let client = home.client().await;
    let _member = home.joined_with("rz00", &[], &[&config]).await;
    is_ready(&client).await;
    let mut planted = Planted::default();
    planted.add(&sealed_token(&client, &config).await);

    // One that may be looked into: the token is in its memory, and in a dump if the system writes one here.
    let open = home.folder().join("open");
    let child = controller(&home, &open, &[&config, "--allow-core-dumps"]).await;
    memory(child.id().unwrap(), &open.join("memory"));
    assert_eq!(planted.in_folder(&open), [open.join("memory")]);
    std::fs::remove_file(open.join("memory")).unwrap();
    let ended = aborted(child).await;
    assert_eq!(ended.signal(), Some(6));
    let dumps_are_written_here = std::fs::read_dir(&open).unwrap().next().is_some();
    if dumps_are_written_here {
        assert!(ended.core_dumped() && !planted.in_folder(&open).is_empty());
    } else {
        println!("this system writes no core dumps into the folder of a process; that part is left out");
    }
    std::fs::remove_dir_all(&open).unwrap();

    let shut = home.folder().join("shut");
    let child = controller(&home, &shut, &[&config]).await;
    let process = child.id().unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    // What may not be dumped is root's: nobody else reads its memory.
    let owner =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{process}/mem")).unwrap());
    assert_eq!(owner, 0);
    let ended = aborted(child).await;
    assert!(ended.signal() == Some(6) && !ended.core_dumped());
    assert!(std::fs::read_dir(&shut).unwrap().next().is_none(), "a dump was written");
}
