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
    /// The program itself, where it is not one of the module's tools.
    pub(super) main: Option<&'static str>,
}

/// Compiled in, so that a test binary needs no source tree and the cache follows exactly what was pinned.
static KUBERNETES: Module = Module {
    folder: "kubernetes",
    path: "k8s.io/kubernetes",
    go_mod: include_str!("../../../tools/kubernetes/go.mod"),
    go_sum: include_str!("../../../tools/kubernetes/go.sum"),
    main: None,
};

static ETCD: Module = Module {
    folder: "etcd",
    path: "go.etcd.io/etcd/server/v3",
    go_mod: include_str!("../../../tools/etcd/go.mod"),
    go_sum: include_str!("../../../tools/etcd/go.sum"),
    main: None,
};

static KINE: Module = Module {
    folder: "kine",
    path: "github.com/k3s-io/kine",
    go_mod: include_str!("../../../tools/kine/go.mod"),
    go_sum: include_str!("../../../tools/kine/go.sum"),
    main: None,
};

static KMS_PLUGIN: Module = Module {
    folder: "kms-plugin",
    path: "k8s.io/kms",
    go_mod: include_str!("../../../tools/kms-plugin/go.mod"),
    go_sum: include_str!("../../../tools/kms-plugin/go.sum"),
    main: Some(include_str!("../../../tools/kms-plugin/main.go")),
};

impl Binary {
    /// Every binary, the quickest to build first.
    pub const ALL: [Self; 6] = [
        Self::KmsPlugin,
        Self::Etcd,
        Self::Kine,
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
            Self::KmsPlugin => &KMS_PLUGIN,
            Self::KubeApiserver | Self::KubeControllerManager | Self::Kubectl => &KUBERNETES,
        }
    }

    /// The Go package of its `main`.
    pub(super) fn package(self) -> String {
        match self {
            Self::Etcd | Self::Kine => self.module().path.to_owned(),
            Self::KmsPlugin => ".".to_owned(),
            other => format!("{}/cmd/{}", KUBERNETES.path, other.name()),
        }
    }

    /// What the Go linker is told: no debugging tables, and the version, which a build outside Kubernetes' own
    /// scripts would otherwise report as v0.0.0 (k8s.io/component-base, `version/base.go`).
    pub(super) fn linker_flags(self) -> String {
        let mut flags = "-s -w".to_owned();
        if !matches!(self, Self::Etcd | Self::Kine | Self::KmsPlugin) {
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

    /// A name for exactly these versions: the cache's folder.
    pub(super) fn key(&self) -> String {
        let text =
            self.go_mod.bytes().chain(self.go_sum.bytes()).chain(self.main.unwrap_or_default().bytes());
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
        for binary in Binary::ALL.into_iter().filter(|binary| binary.module().main.is_none()) {
            let package = binary.package();
            let tool = |line: &str| line.trim().trim_start_matches("tool ") == package;
            assert!(binary.module().go_mod.lines().any(tool), "{package} is not pinned");
        }
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // From the test vectors of draft-eastlake-fnv, appendix C.
        assert_eq!(fnv1a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar".bytes()), 0x8594_4171_f739_67e8);
    }
}
