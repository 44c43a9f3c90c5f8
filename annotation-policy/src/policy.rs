//! A list of patterns, compiled, and its verdict on a key.

use crate::pattern::{Pattern, PatternError};
use globset::{Candidate, GlobSet};
use std::fmt;
use std::sync::Arc;

/// Which annotation keys are spec: the template's, in value and in absence. All other keys are the member's own.
///
/// Compiled once and cheap to clone. The [crate's documentation](crate) has the rules.
#[derive(Clone, Default)]
pub struct AnnotationPolicy {
    /// None when no key is spec; most types have no patterns, and then nothing is looked up.
    rules: Option<Arc<Rules>>,
}

/// The patterns, and the set that finds all those which match a key in one pass.
struct Rules {
    patterns: Vec<Pattern>,
    set: GlobSet,
}

impl AnnotationPolicy {
    /// Compiles a list of patterns, in which later ones win. An empty list gives [`kubefed`](Self::kubefed).
    ///
    /// # Errors
    ///
    /// The first pattern that cannot be meant, with its index and what to write instead; or that all of them
    /// together are too large.
    pub fn compile<I, S>(patterns: I) -> Result<Self, PatternError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let patterns = patterns
            .into_iter()
            .enumerate()
            .map(|(index, text)| {
                let text = text.as_ref();
                Pattern::parse(text).map_err(|problem| PatternError::Pattern {
                    index,
                    text: text.to_owned(),
                    problem,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if patterns.is_empty() {
            return Ok(Self::kubefed());
        }
        // Each glob was built by itself, so what is left to fail is the size of the automaton for all of them.
        let set = GlobSet::new(patterns.iter().map(|pattern| &pattern.glob))
            .map_err(|_| PatternError::TooLarge { count: patterns.len() })?;
        Ok(Self { rules: Some(Arc::new(Rules { patterns, set })) })
    }

    /// The policy in which no key is spec: annotations of the template are not pushed, those of the member are kept.
    ///
    /// It is what a type without patterns has, and what KubeFed does for every type.
    pub const fn kubefed() -> Self {
        Self { rules: None }
    }

    /// Whether a key is spec, so that its value and its absence are the template's.
    pub fn is_spec(&self, key: &str) -> bool {
        self.judge().is_spec(key)
    }

    /// For verdicts on many keys in a row.
    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge { rules: self.rules.as_deref(), matching: Vec::new() }
    }
}

/// Shows the patterns, as they were written.
impl fmt::Debug for AnnotationPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.rules.iter().flat_map(|rules| &rules.patterns);
        f.write_str("AnnotationPolicy ")?;
        f.debug_list()
            .entries(
                patterns.map(|pattern| format!("{}{}", if pattern.adds { "" } else { "!" }, pattern.glob)),
            )
            .finish()
    }
}

/// Gives verdicts, and keeps its buffer from one to the next.
pub(crate) struct Judge<'a> {
    rules: Option<&'a Rules>,
    matching: Vec<usize>,
}

impl Judge<'_> {
    /// Whether a key is spec.
    pub(crate) fn is_spec(&mut self, key: &str) -> bool {
        let Some(rules) = self.rules else { return false };
        // From bytes: read as a path, a key would be subject to the conventions of the platform.
        rules.set.matches_candidate_into(&Candidate::from_bytes(key), &mut self.matching);
        // The set gives the indexes in ascending order.
        self.matching.last().is_some_and(|&last| rules.patterns[last].adds)
    }
}
