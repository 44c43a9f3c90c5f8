//! Which binaries there are and how Go builds each.

/// A program that a testbed runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// The store of all API servers of a testbed.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// Kubernetes' own controllers: what deletes a namespace's content and turns Deployments into ReplicaSets.
    KubeControllerManager,
    /// The command line client. One on PATH is as good as a built one.
    Kubectl,
    /// What serves an SQL database to API servers in etcd's place.
    Kine,
    /// What judges an API server by Kubernetes' Go client.
    ClientGo,
    /// The server of the Kubernetes API server network proxy.
    ProxyServer,
    /// The agent of the Kubernetes API server network proxy.
    ProxyAgent,
    /// The client that the Kubernetes API server network proxy is tested with.
    ProxyTestClient,
    /// A KMS plugin that does what a test says.
    KmsPlugin,
}

/// The Go module that holds a binary, as the repository's `tools` folder pins it.
pub(super) struct Module {
    /// The name of the folder under `tools`.
    pub(super) folder: &'static str,
    /// The module whose version is the binary's.
    path: &'static str,
    pub(super) go_mod: &'static str,
    pub(super) go_sum: &'static str,
    /// Its own sources, by name; none where all of it comes from other modules.
    pub(super) sources: &'static [(&'static str, &'static str)],
}

/// Compiled in, so that a test binary needs no source tree and the cache follows exactly what was pinned.
static KUBERNETES: Module = Module {
    folder: "kubernetes",
    path: "k8s.io/kubernetes",
    go_mod: include_str!("../../../tools/kubernetes/go.mod"),
    go_sum: include_str!("../../../tools/kubernetes/go.sum"),
    sources: &[],
};

static ETCD: Module = Module {
    folder: "etcd",
    path: "go.etcd.io/etcd/server/v3",
    go_mod: include_str!("../../../tools/etcd/go.mod"),
    go_sum: include_str!("../../../tools/etcd/go.sum"),
    sources: &[],
};

static KINE: Module = Module {
    folder: "kine",
    path: "github.com/k3s-io/kine",
    go_mod: include_str!("../../../tools/kine/go.mod"),
    go_sum: include_str!("../../../tools/kine/go.sum"),
    sources: &[],
};

/// Sources of `tools/clientgo`.
macro_rules! client_go {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../tools/clientgo/", $name)))),*]
    };
}

static CLIENT_GO: Module = Module {
    folder: "clientgo",
    path: "k8s.io/client-go",
    go_mod: include_str!("../../../tools/clientgo/go.mod"),
    go_sum: include_str!("../../../tools/clientgo/go.sum"),
    sources: client_go!(
        "apply.go" "controller.go" "discovery.go" "dynamic.go" "election.go" "events.go" "expired.go" "federated.go" "follower.go" "forms.go" "informers.go" "main.go" "mask.go" "pages.go" "patches.go" "restart.go" "tokens.go" "trial.go" "widgets.go" "workloads.go" "writes.go"
    ),
};

static NETWORK_PROXY: Module = Module {
    folder: "network-proxy",
    path: "sigs.k8s.io/apiserver-network-proxy",
    go_mod: include_str!("../../../tools/network-proxy/go.mod"),
    go_sum: include_str!("../../../tools/network-proxy/go.sum"),
    sources: &[],
};

static KMS_PLUGIN: Module = Module {
    folder: "kms-plugin",
    path: "k8s.io/kms",
    go_mod: include_str!("../../../tools/kms-plugin/go.mod"),
    go_sum: include_str!("../../../tools/kms-plugin/go.sum"),
    sources: &[("main.go", include_str!("../../../tools/kms-plugin/main.go"))],
};

impl Binary {
    /// Every binary, the quickest to build first.
    pub const ALL: [Self; 10] = [
        Self::KmsPlugin,
        Self::ClientGo,
        Self::Etcd,
        Self::Kine,
        Self::ProxyServer,
        Self::ProxyAgent,
        Self::ProxyTestClient,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::Kubectl,
    ];

    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::Kine => "kine",
            Self::ClientGo => "clientgo",
            Self::ProxyServer => "proxy-server",
            Self::ProxyAgent => "proxy-agent",
            Self::ProxyTestClient => "proxy-test-client",
            Self::KmsPlugin => "kms-plugin",
        }
    }

    /// The version that is built where no other is supplied, such as `v1.36.3`.
    pub fn version(self) -> &'static str {
        self.module().version()
    }

    pub(super) fn module(self) -> &'static Module {
        match self {
            Self::Etcd => &ETCD,
            Self::Kine => &KINE,
            Self::ClientGo => &CLIENT_GO,
            Self::ProxyServer | Self::ProxyAgent | Self::ProxyTestClient => &NETWORK_PROXY,
            Self::KmsPlugin => &KMS_PLUGIN,
            Self::KubeApiserver | Self::KubeControllerManager | Self::Kubectl => &KUBERNETES,
        }
    }

    /// The Go package of its `main`.
    pub(super) fn package(self) -> String {
        match self {
            Self::Etcd | Self::Kine => self.module().path.to_owned(),
            Self::ClientGo | Self::KmsPlugin => ".".to_owned(),
            Self::ProxyServer => format!("{}/cmd/server", NETWORK_PROXY.path),
            Self::ProxyAgent => format!("{}/cmd/agent", NETWORK_PROXY.path),
            Self::ProxyTestClient => format!("{}/cmd/test-client", NETWORK_PROXY.path),
            other => format!("{}/cmd/{}", KUBERNETES.path, other.name()),
        }
    }

    /// What the Go linker is told: no debugging tables, and the version, which a build outside Kubernetes' own
    /// scripts would otherwise report as v0.0.0 (k8s.io/component-base, `version/base.go`).
    pub(super) fn linker_flags(self) -> String {
        let mut flags = "-s -w".to_owned();
        if self.module().folder == KUBERNETES.folder {
            let version = self.version();
            let mut numbers = version.trim_start_matches('v').split('.');
            let values = [
                ("gitVersion", version),
                ("gitMajor", numbers.next().unwrap_or_default()),
                ("gitMinor", numbers.next().unwrap_or_default()),
            ];
            for (name, value) in values {
                flags.push_str(" -X k8s.io/component-base/version.");
                flags.push_str(name);
                flags.push('=');
                flags.push_str(value);
            }
        }
        flags
    }
}

impl Module {
    fn version(&self) -> &'static str {
        let required =
            self.go_mod.lines().map(str::trim).find_map(|line| {
                line.trim_start_matches("require ").strip_prefix(self.path)?.strip_prefix(' ')
            });
        required.and_then(|version| version.split_whitespace().next()).unwrap_or_default()
    }

    /// The lowest version of Go that builds it.
    pub(super) fn go_version(&self) -> &'static str {
        let directive = self.go_mod.lines().find_map(|line| line.strip_prefix("go "));
        directive.unwrap_or_default().trim()
    }

    /// A name for exactly these versions and sources: the cache's folder.
    pub(super) fn key(&self) -> String {
        let sources = self.sources.iter().flat_map(|(_, text)| text.bytes());
        let text = self.go_mod.bytes().chain(self.go_sum.bytes()).chain(sources);
        format!("{}-{}-{:016x}", self.folder, self.version(), fnv1a(text))
    }
}

/// The 64-bit FNV-1a hash: the same in every release of Rust, which the standard library's hashes are not.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_pinned_modules() {
        assert_eq!(Binary::KubeApiserver.version(), "v1.36.3");
        assert!(Binary::Etcd.version().starts_with("v3."), "{}", Binary::Etcd.version());
        assert!(KUBERNETES.go_version().starts_with("1."));
        assert_eq!(Binary::KubeApiserver.package(), "k8s.io/kubernetes/cmd/kube-apiserver");
    }

    #[test]
    fn the_linker_is_told_the_version() {
        let flags = Binary::Kubectl.linker_flags();
        assert!(flags.contains("version.gitVersion=v1.36.3 "), "{flags}");
        assert!(flags.ends_with("version.gitMinor=36"), "{flags}");
    }

    #[test]
    fn every_package_is_a_tool_of_its_module() {
        for binary in Binary::ALL.into_iter().filter(|binary| binary.module().sources.is_empty()) {
            let package = binary.package();
            let tool = |line: &str| line.trim().trim_start_matches("tool ") == package;
            assert!(binary.module().go_mod.lines().any(tool), "{package} is not pinned");
        }
    }

    #[test]
    fn every_source_of_the_go_client_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/clientgo");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with("go."))
            .collect();
        names.sort();
        assert!(names.iter().eq(CLIENT_GO.sources.iter().map(|(name, _)| name)), "{names:?}");
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // From the test vectors of draft-eastlake-fnv, appendix C.
        assert_eq!(fnv1a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar".bytes()), 0x8594_4171_f739_67e8);
    }
}
