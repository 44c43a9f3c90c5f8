//! Pods and nodes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{AGE, NAME, Printer, name, string, wide};
use crate::table::text;

pub(super) static POD: Printer = Printer {
    columns: &[
        NAME,
        string("Ready"),
        string("Status"),
        string("Restarts"),
        AGE,
        wide("IP"),
        wide("Node"),
        wide("Nominated Node"),
        wide("Readiness Gates"),
    ],
    cells: pod,
    conditions: |object| {
        let (reason, message) = match text::of(object, "/status/phase") {
            "Succeeded" => ("Succeeded", "The pod has completed successfully."),
            "Failed" => ("Failed", "The pod failed."),
            _ => return None,
        };
        Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
    },
};

fn pod(object: &Value, now: Timestamp) -> Vec<Value> {
    let summary = Summary::of(object);
    let restarts = match summary.last_restart {
        Some(time) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, text::since(Some(time), now))
        }
        _ => summary.restarts.to_string(),
    };
    vec![
        name(object),
        json!(format!("{}/{}", summary.ready, summary.containers)),
        json!(summary.reason),
        json!(restarts),
        text::age(object, now),
        json!(text::or(object, "/status/podIPs/0/ip", "<none>")),
        json!(text::or(object, "/spec/nodeName", "<none>")),
        json!(text::or(object, "/status/nominatedNodeName", "<none>")),
        json!(readiness_gates(object)),
    ]
}

fn readiness_gates(object: &Value) -> String {
    let gates = text::list(object, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| condition(object, text::of(gate, "/conditionType")));
    format!("{}/{}", open.count(), gates.len())
}

/// Whether a condition of the pod's status is true.
fn condition(object: &Value, kind: &str) -> bool {
    let found = text::list(object, "/status/conditions").iter().find(|one| one["type"] == kind);
    found.is_some_and(|one| one["status"] == "True")
}

/// What a pod's containers say of it together.
struct Summary<'a> {
    containers: usize,
    ready: usize,
    restarts: i64,
    last_restart: Option<&'a Value>,
    reason: String,
}

impl<'a> Summary<'a> {
    fn of(object: &'a Value) -> Self {
        let phase = text::of(object, "/status/phase");
        let mut summary = Self {
            containers: text::list(object, "/spec/containers").len()
                + text::list(object, "/spec/initContainers").iter().filter(|one| restartable(one)).count(),
            ready: 0,
            restarts: 0,
            last_restart: None,
            reason: text::or(object, "/status/reason", phase).to_owned(),
        };
        let gated = |one: &Value| one["type"] == "PodScheduled" && one["reason"] == "SchedulingGated";
        if text::list(object, "/status/conditions").iter().any(gated) {
            "SchedulingGated".clone_into(&mut summary.reason);
        }
        let (of_sidecars, initializing) = summary.initialize(object);
        if !initializing || condition(object, "Initialized") {
            (summary.restarts, summary.last_restart) = of_sidecars;
            summary.run(object);
        }
        if !object["metadata"]["deletionTimestamp"].is_null() {
            if text::of(object, "/status/reason") == "NodeLost" {
                "Unknown".clone_into(&mut summary.reason);
            } else if !["Failed", "Succeeded"].contains(&phase) {
                "Terminating".clone_into(&mut summary.reason);
            }
        }
        summary
    }

    /// Reads the init containers up to the first that is not done. Gives the restarts of those that go on beside the
    /// containers, and whether one is not done.
    fn initialize(&mut self, object: &'a Value) -> ((i64, Option<&'a Value>), bool) {
        let specs = text::list(object, "/spec/initContainers");
        let mut of_sidecars = (0, None);
        for (index, status) in text::list(object, "/status/initContainerStatuses").iter().enumerate() {
            let spec = specs.iter().find(|spec| spec["name"] == status["name"]);
            let sidecar = spec.is_some_and(restartable);
            let count = text::number(status, "/restartCount");
            self.restarts += count;
            self.last_restart = later(self.last_restart, finished(status));
            if sidecar {
                of_sidecars = (of_sidecars.0 + count, later(of_sidecars.1, finished(status)));
            }
            let terminated = status.pointer("/state/terminated");
            if terminated.is_some_and(|state| text::number(state, "/exitCode") == 0) {
                continue;
            }
            if sidecar && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            }
            let waiting = text::of(status, "/state/waiting/reason");
            self.reason = match terminated {
                Some(state) => format!("Init:{}", exit_reason(state)),
                None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
                None => format!("Init:{index}/{}", specs.len()),
            };
            return (of_sidecars, true);
        }
        (of_sidecars, false)
    }

    fn run(&mut self, object: &'a Value) {
        let (mut running, mut error) = (false, String::new());
        for status in text::list(object, "/status/containerStatuses").iter().rev() {
            self.restarts += text::number(status, "/restartCount");
            self.last_restart = later(self.last_restart, finished(status));
            let waiting = text::of(status, "/state/waiting/reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if let Some(state) = status.pointer("/state/terminated") {
                self.reason = exit_reason(state);
                if text::number(state, "/exitCode") != 0 {
                    error.clone_from(&self.reason);
                }
            } else if status["ready"] == true && status.pointer("/state/running").is_some() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" {
            if running && condition(object, "Ready") {
                "Running".clone_into(&mut self.reason);
            } else if !error.is_empty() {
                self.reason = error;
            } else if running {
                "NotReady".clone_into(&mut self.reason);
            }
        }
    }
}

/// Whether an init container goes on beside the containers.
fn restartable(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

fn finished(status: &Value) -> Option<&Value> {
    status.pointer("/lastState/terminated/finishedAt").filter(|time| !time.is_null())
}

/// Times in UTC with seconds are in the order of their texts.
fn later<'a>(a: Option<&'a Value>, b: Option<&'a Value>) -> Option<&'a Value> {
    match (a.and_then(Value::as_str), b.and_then(Value::as_str)) {
        (Some(first), Some(second)) if first >= second => a,
        (_, None) => a,
        _ => b,
    }
}

fn exit_reason(state: &Value) -> String {
    match (text::of(state, "/reason"), text::number(state, "/signal")) {
        ("", 0) => format!("ExitCode:{}", text::number(state, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

pub(super) static NODE: Printer = Printer::new(
    &[
        NAME,
        string("Status"),
        string("Roles"),
        AGE,
        string("Version"),
        wide("Internal-IP"),
        wide("External-IP"),
        wide("OS-Image"),
        wide("Kernel-Version"),
        wide("Container-Runtime"),
    ],
    |object, now| {
        let info = |field: &str, otherwise: &'static str| {
            text::or(object, &format!("/status/nodeInfo/{field}"), otherwise).to_owned()
        };
        let address = |kind: &str| {
            let found = text::list(object, "/status/addresses").iter().find(|one| one["type"] == kind);
            json!(found.map_or("<none>", |one| text::of(one, "/address")))
        };
        let architecture = match info("architecture", "").as_str() {
            "" => String::new(),
            known => format!(" ({known})"),
        };
        vec![
            name(object),
            json!(node_status(object)),
            json!(node_roles(object)),
            text::age(object, now),
            json!(info("kubeletVersion", "")),
            address("InternalIP"),
            address("ExternalIP"),
            json!(info("osImage", "<unknown>")),
            json!(format!("{}{architecture}", info("kernelVersion", "<unknown>"))),
            json!(info("containerRuntimeVersion", "<unknown>")),
        ]
    },
);

fn node_status(object: &Value) -> String {
    let ready = text::list(object, "/status/conditions").iter().rfind(|one| one["type"] == "Ready");
    let status = match ready {
        None => "Unknown",
        Some(one) if one["status"] == "True" => "Ready",
        Some(_) => "NotReady",
    };
    let off = object.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    if off { format!("{status},SchedulingDisabled") } else { status.to_owned() }
}

fn node_roles(object: &Value) -> String {
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    let role = |(key, value): (&'_ String, &'_ Value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role.to_owned()),
        None if key == "kubernetes.io/role" => value.as_str().map(str::to_owned),
        None => None,
    };
    let mut roles: Vec<_> = labels.filter_map(role).filter(|role| !role.is_empty()).collect();
    roles.sort();
    roles.dedup();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}
