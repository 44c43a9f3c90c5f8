#![doc = include_str!("../README.md")]
//!
//! # The rules
//!
//! In fedd the list is `spec.propagatingAnnotations` of a FederatedTypeConfig.
//!
//! **Verdict.** A pattern adds the keys that it matches; a pattern behind `!` takes them away. The last pattern of
//! the list that matches a key decides, and a key that none matches is not spec. So exceptions are written after
//! what they are exceptions of, and a list that begins with `!` has nothing to take away from yet.
//!
//! | list | `a.io/x` | `a.io/y` | `b.io/x` |
//! | --- | --- | --- | --- |
//! | absent, or empty | status | status | status |
//! | `a.io/*` | spec | spec | status |
//! | `a.io/*`, `!a.io/y` | spec | status | status |
//! | `!a.io/y`, `a.io/*` | spec | spec | status |
//! | `*`, `!a.io/*`, `a.io/y` | status | spec | spec |
//!
//! **Absent and empty** are the same: no key is spec. This is KubeFed's rule, in which annotations of the template
//! are never pushed and those of the member are always kept. A list in which every pattern has a `!` says the same.
//!
//! **Absence is pushed too.** A spec key that the template lacks is removed from the member. With `*` alone that
//! includes keys which the member's own controllers write, such as `deployment.kubernetes.io/revision`: they would
//! be removed and written again without end. Name prefixes, or take those keys away again with `!`.
//!
//! **A changed policy** acts at the next merge: a key that becomes spec gets the template's value, or goes; a key that
//! is spec no longer stays on the member with its last value, as the member's own.
//!
//! No key is special here: keys which the caller owns for itself it adds after the merge.
//!
//! # Patterns
//!
//! | syntax | matches |
//! | --- | --- |
//! | `*` | any text, also none; it crosses `/` |
//! | `?` | any one character, also `/` |
//! | `[a-f_]`, `[!0-9]` | one character of a set, or one that is not of it (then also `/`) |
//! | `{a,b/}` | any of the choices, which are patterns; an empty choice is a choice: `{a.io/,}x` is `a.io/x` or `x` |
//! | letters, digits, `-`, `_`, `.`, `/` | themselves; upper and lower case differ |
//!
//! A pattern matches a whole key, not a part of it. There are no escapes, since every character with a meaning is
//! one that no key may hold.
//!
//! Refused, because it would match nothing, in silence: every character that can be neither in a
//! [key](https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set) nor
//! in a glob where it stands, such as a space, a backslash, a `,` outside braces, a `!` that is neither first nor right
//! after `[`. Refused, because it could mean two things: `**`, which elsewhere is either the same as `*` or
//! whole path segments. Refused too: an empty pattern, a bare `!`, more than [`MAX_PATTERN_LENGTH`] characters behind
//! the `!`, and patterns that are too large together (many hundreds of long ones without a fixed beginning or end).
//! That a key could exist for an accepted pattern is not checked.
//!
//! Verdicts are defined for keys that Kubernetes accepts. Other texts get some verdict, never a panic.
//!
//! # Cost
//!
//! All patterns are compiled into one set, and a key is looked up in it once, however many patterns there are.
//! Compile a list when it changes, and clone the policy freely: a clone shares the set.

mod merge;
mod pattern;
mod policy;

pub use pattern::{MAX_PATTERN_LENGTH, PatternError, PatternProblem};
pub use policy::AnnotationPolicy;
