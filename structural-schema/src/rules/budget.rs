//! What the rules of one object may cost, so that no rule holds a server up.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kube_cel::cel::Value;
use kube_cel::cel::context::VariableResolver;

/// Steps of loops that one rule may take. Kubernetes lets a rule cost 1,000,000 units, of which a step is several.
const STEPS_PER_RULE: u64 = 1_000_000;
/// The time in which Kubernetes' budget for an object's rules is meant to be used up.
const TIME_PER_OBJECT: Duration = Duration::from_secs(1);
/// The variable that every loop reads before each of its steps.
pub(super) const STEP: &str = "@step";

/// The budget of one object.
pub(crate) struct Budget {
    end: Instant,
    spent: Cell<bool>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { end: Instant::now() + TIME_PER_OBJECT, spent: Cell::new(false) }
    }

    /// Whether it is used up.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get() || Instant::now() >= self.end
    }

    /// No further rules of this object are evaluated.
    pub(super) fn spend(&self) {
        self.spent.set(true);
    }

    /// The steps of one evaluation.
    pub(super) fn steps(&self) -> Steps {
        Steps { left: AtomicU64::new(STEPS_PER_RULE), end: self.end, exceeded: AtomicBool::new(false) }
    }
}

/// Counts the steps of loops. When there are none left, the variable is gone: each loop ends with an error.
pub(super) struct Steps {
    left: AtomicU64,
    end: Instant,
    exceeded: AtomicBool,
}

impl Steps {
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }
}

impl VariableResolver for Steps {
    fn resolve(&self, variable: &str) -> Option<Value> {
        if variable != STEP {
            return None;
        }
        // One evaluation is one thread's.
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 || Instant::now() >= self.end {
            self.left.store(0, Ordering::Relaxed);
            self.exceeded.store(true, Ordering::Relaxed);
            return None;
        }
        self.left.store(left - 1, Ordering::Relaxed);
        Some(Value::Bool(true))
    }
}
