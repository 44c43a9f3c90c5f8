//! The cells of the quick start.

/// A cell: a deployment unit of a tenant on a member.
pub(super) struct Place {
    pub(super) cell: &'static str,
    pub(super) namespace: &'static str,
    pub(super) tenant: &'static str,
    pub(super) member: &'static str,
    /// How its objects are told apart from another cell's on the same member.
    pub(super) target: Option<&'static str>,
}

/// Two cells of the bank share a member; the insurer has one of the same name elsewhere.
pub(super) const CELLS: [Place; 4] = [
    Place {
        cell: "rz00a",
        namespace: "bank",
        tenant: "bank",
        member: "m1",
        target: Some("{namespace}-{cell}"),
    },
    Place {
        cell: "rz00b",
        namespace: "bank",
        tenant: "bank",
        member: "m1",
        target: Some("{namespace}-{cell}"),
    },
    Place { cell: "rz01a", namespace: "bank", tenant: "bank", member: "m2", target: None },
    Place { cell: "rz00a", namespace: "insurer", tenant: "insurer", member: "m3", target: None },
];
