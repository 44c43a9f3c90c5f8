//! What came of a plan in one cluster.

use federation_model::reason;

use crate::ports::ApiFailure;

/// What came of the last plan in one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The object is there as wanted.
    Current,
    /// The object is not wanted and not there.
    Absent,
    /// The mask permits no write; `due` says whether there would be one.
    Held {
        /// Whether something waits.
        due: bool,
    },
    /// It is being deleted on the member.
    WaitingForRemoval,
    /// Something is wrong.
    Problem {
        /// A word of [`reason`].
        reason: &'static str,
        /// For people.
        message: String,
    },
}

/// What was asked of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A create.
    Create,
    /// An update.
    Update,
    /// A delete.
    Delete,
    /// A removal of the managed label.
    RemoveLabel,
    /// A read.
    Read,
}

impl Operation {
    /// KubeFed's word for a failure of it.
    pub fn failure_reason(self, failure: &ApiFailure) -> &'static str {
        let timed_out = matches!(failure, ApiFailure::TimedOut(_));
        match self {
            Self::Create if timed_out => reason::CREATION_TIMED_OUT,
            Self::Create => reason::CREATION_FAILED,
            Self::Update if timed_out => reason::UPDATE_TIMED_OUT,
            Self::Update => reason::UPDATE_FAILED,
            Self::Delete if timed_out => reason::DELETION_TIMED_OUT,
            Self::Delete => reason::DELETION_FAILED,
            Self::RemoveLabel if timed_out => reason::LABEL_REMOVAL_TIMED_OUT,
            Self::RemoveLabel => reason::LABEL_REMOVAL_FAILED,
            Self::Read => reason::RETRIEVAL_FAILED,
        }
    }

    /// KubeFed's reasons of the events that tell of it: done, and failed.
    pub fn event_reasons(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("CreateInCluster", "CreateInClusterFailed"),
            Self::Update => ("UpdateInCluster", "UpdateInClusterFailed"),
            Self::Delete => ("DeleteInCluster", "DeleteInClusterFailed"),
            Self::RemoveLabel => ("RemoveManagedLabelFromInCluster", "RemoveManagedLabelFromInClusterFailed"),
            Self::Read => ("RetrieveInCluster", "RetrievalFailed"),
        }
    }

    /// KubeFed's word for doing it.
    pub fn gerund(self) -> &'static str {
        match self {
            Self::Create => "Creating",
            Self::Update => "Updating",
            Self::Delete => "Deleting",
            Self::RemoveLabel => "Removing managed label from",
            Self::Read => "Retrieving",
        }
    }

    /// The label of its metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::RemoveLabel => "remove_label",
            Self::Read => "read",
        }
    }
}
