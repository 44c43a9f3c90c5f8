//! A table of cells and what they run, drawn anew as it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use comfy_table::Table;
use futures::StreamExt as _;
use futures::stream::select_all;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::cells::{CELLS, Place};

/// Changes that come together are drawn together.
const TOGETHER: Duration = Duration::from_millis(150);

/// What is shown: kind, plural, and the field of the template that tells releases apart.
const SHOWN: [(&str, &str, &str); 2] = [
    ("FederatedDeployment", "federateddeployments", "/spec/template/spec/template/spec/containers/0/image"),
    ("FederatedConfigMap", "federatedconfigmaps", "/spec/template/data/colour"),
];

/// The table, and what it is made from.
pub(super) struct Live {
    client: Client,
    kubeconfig: PathBuf,
    /// By kind, namespace and name.
    objects: BTreeMap<(usize, String, String), DynamicObject>,
    last: String,
    hints_told: bool,
}

impl Live {
    pub(super) fn new(client: Client, kubeconfig: PathBuf) -> Self {
        Self { client, kubeconfig, objects: BTreeMap::new(), last: String::new(), hints_told: false }
    }

    /// Draws until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let streams = SHOWN.iter().enumerate().map(|(index, (kind, plural, _))| {
            let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta2", kind);
            let resource = ApiResource::from_gvk_with_plural(&kind, plural);
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            watcher(api, watcher::Config::default())
                .default_backoff()
                .map(move |event| (index, event))
                .boxed()
        });
        let mut events = select_all(streams);
        let mut due = None;
        loop {
            tokio::select! {
                Some((index, event)) = events.next() => {
                    if let Ok(event) = event {
                        self.learn(index, event);
                        due.get_or_insert(Instant::now() + TOGETHER);
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    due = None;
                    self.draw()?;
                }
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    fn learn(&mut self, index: usize, event: watcher::Event<DynamicObject>) {
        let key = |object: &DynamicObject| (index, object.namespace().unwrap_or_default(), object.name_any());
        match event {
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                self.objects.insert(key(&object), object);
            }
            watcher::Event::Delete(object) => {
                self.objects.remove(&key(&object));
            }
            watcher::Event::Init => self.objects.retain(|(of, ..), _| *of != index),
            watcher::Event::InitDone => {}
        }
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let text = self.table().to_string();
        if text == self.last {
            return Ok(());
        }
        let mut out = anstream::stdout();
        // On a terminal the table stays in its place; elsewhere each state is a table of its own.
        if std::io::stdout().is_terminal() {
            write!(out, "\u{1b}[H\u{1b}[2J")?;
        }
        writeln!(out, "{text}")?;
        if !self.hints_told || std::io::stdout().is_terminal() {
            writeln!(out, "{}", hints(&self.kubeconfig.display().to_string()))?;
            self.hints_told = true;
        }
        self.last = text;
        out.flush()
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        let names: BTreeSet<(usize, &String)> =
            self.objects.keys().map(|(index, _, name)| (*index, name)).collect();
        let mut header = vec!["TENANT".to_owned(), "CELL".to_owned(), "MEMBER".to_owned()];
        header.extend(names.iter().map(|(index, name)| format!("{} {name}", SHOWN[*index].0)));
        table.set_header(header);
        for place in &CELLS {
            let mut row = vec![place.tenant.to_owned(), place.cell.to_owned(), place.member.to_owned()];
            row.extend(names.iter().map(|(index, name)| {
                let key = (*index, place.namespace.to_owned(), (*name).clone());
                self.objects.get(&key).map_or_else(|| "-".to_owned(), |object| cell(*index, place, object))
            }));
            table.add_row(row);
        }
        table
    }
}

/// What a cell runs of an object, in words.
fn cell(index: usize, place: &Place, object: &DynamicObject) -> String {
    let release = object.data.pointer(SHOWN[index].2).and_then(Value::as_str);
    let lines = object.data["status"]["topologies"].as_array();
    let line = lines.into_iter().flatten().find(|line| line["name"] == place.cell);
    let Some(line) = line else { return "-".to_owned() };
    let revision = line["revision"].as_str().unwrap_or("-");
    let state = if line["heldByMask"] == true {
        "waits behind the mask"
    } else {
        line["status"].as_str().unwrap_or("runs")
    };
    match (state, release) {
        ("runs", Some(release)) => format!("{release} ({revision})"),
        _ => format!("{state} ({revision})"),
    }
}

/// What to try. Each line is one that a shell takes as it is.
fn hints(kubeconfig: &str) -> String {
    let deployment = "kubectl -n bank patch federateddeployment web";
    let mask =
        |cells: &str| format!(r#"{deployment} --type merge -p '{{"spec":{{"placementMask":{cells}}}}}'"#);
    let image = "/spec/template/spec/template/spec/containers/0/image";
    let release = format!(r#"[{{"op":"replace","path":"{image}","value":"example.org/web:2"}}]"#);
    let one = mask(r#"{"topologies":[{"name":"rz00a"}]}"#);
    let two = mask(r#"{"topologies":[{"name":"rz00a"},{"name":"rz00b"}]}"#);
    let all = mask("null");
    format!(
        "Try, in another terminal:\n  \
         export KUBECONFIG='{kubeconfig}'\n  \
         kubectl -n bank get federateddeployments,federatedconfigmaps\n  \
         # a grey release: only rz00a may be touched\n  \
         {one}\n  \
         {deployment} --type json -p '{release}'\n  \
         # then rz00b too\n  \
         {two}\n  \
         # to all cells: take the mask away\n  \
         {all}\n  \
         # what arrived at a member\n  \
         kubectl --context m1 -n bank-rz00a get deployments,configmaps\n  \
         # the same object by cluster, as KubeFed has it\n  \
         kubectl -n bank get federateddeployments.v1beta1.types.kubefed.io web -o yaml\n\
         Here: stop m2 (a member is lost), start m2 (it is back), quit"
    )
}
