//! Whose credential it is.

/// The place that a value is sealed for. It does not open at another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Uid of the cluster whose API server holds the object; by Kubernetes' custom that of its namespace `kube-system`.
    pub cluster_uid: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// Field of the object, such as `data/token`.
    pub field: String,
}

impl Identity {
    /// As associated data. Each part is preceded by its length, so that no two identities are written alike.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        for part in [&self.cluster_uid, &self.namespace, &self.name, &self.field] {
            to.extend_from_slice(&(part.len() as u64).to_be_bytes());
            to.extend_from_slice(part.as_bytes());
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} of {}/{}", self.field, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Identity;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let written = |namespace: &str, name: &str| {
            let mut bytes = Vec::new();
            let identity = Identity {
                cluster_uid: String::new(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                field: String::new(),
            };
            identity.write(&mut bytes);
            bytes
        };
        assert_ne!(written("ab", "c"), written("a", "bc"));
    }
}
