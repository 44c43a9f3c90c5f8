//! What a policy makes of the annotations of a template and of a live object.

use crate::policy::AnnotationPolicy;
use std::collections::BTreeMap;

impl AnnotationPolicy {
    /// The annotations of an object that is written to a member: spec keys from `template`, all others from `live`.
    ///
    /// Pass an empty `live` for an object that the member does not hold yet. Merging the result again with the same
    /// template changes nothing.
    #[must_use]
    pub fn merge(
        &self,
        template: &BTreeMap<String, String>,
        live: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut merged = self.status_of(live);
        let mut judge = self.judge();
        merged.extend(
            template
                .iter()
                .filter(|(key, _)| judge.is_spec(key))
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        merged
    }

    /// The keys of `template` that are not spec and so are not pushed, in ascending order: for a warning to whoever
    /// wrote them.
    pub fn withheld<'a>(&self, template: &'a BTreeMap<String, String>) -> impl Iterator<Item = &'a str> {
        let mut judge = self.judge();
        template.keys().map(String::as_str).filter(move |key| !judge.is_spec(key))
    }

    /// The annotations of `live` that are not spec: the member's own, which count as status.
    #[must_use]
    pub fn status_of(&self, live: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut judge = self.judge();
        live.iter()
            .filter(|(key, _)| !judge.is_spec(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}
