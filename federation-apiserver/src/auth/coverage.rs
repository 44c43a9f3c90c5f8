//! Whether some rules give all that others do.
//!
//! Each wanted rule is taken apart into its smallest rules: one verb, one resource and at most one name, or one verb
//! and one path. One held rule then covers such a rule or does not.

use std::collections::{BTreeSet, HashMap};

use crate::auth::{
    PolicyRule,
    rule::{contains, contains_or_star, path_covers},
};

/// The smallest rules of `wanted` that no rule of `held` covers.
pub(super) fn uncovered(held: &[&PolicyRule], wanted: &[PolicyRule]) -> Vec<PolicyRule> {
    wanted.iter().flat_map(smallest).filter(|small| !held.iter().any(|rule| covers(rule, small))).collect()
}

/// Descriptions of rules, those about one resource made one, sorted.
pub(super) fn described(rules: Vec<PolicyRule>) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let mut by_resource: HashMap<_, PolicyRule> = HashMap::new();
    for rule in rules {
        if !rule.non_resource_urls.is_empty() {
            texts.insert(rule.to_string());
            continue;
        }
        let key = (rule.api_groups.clone(), rule.resources.clone(), rule.resource_names.clone());
        match by_resource.get_mut(&key) {
            Some(merged) => merged.verbs.extend(rule.verbs),
            None => {
                by_resource.insert(key, rule);
            }
        }
    }
    texts.extend(by_resource.values().map(ToString::to_string));
    texts
}

fn smallest(rule: &PolicyRule) -> Vec<PolicyRule> {
    let one = |value: &String| vec![value.clone()];
    let mut small = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let mut push = |names: Vec<String>| {
                    small.push(PolicyRule {
                        verbs: one(verb),
                        api_groups: one(group),
                        resources: one(resource),
                        resource_names: names,
                        non_resource_urls: Vec::new(),
                    });
                };
                if rule.resource_names.is_empty() {
                    push(Vec::new());
                }
                rule.resource_names.iter().map(one).for_each(push);
            }
        }
    }
    for url in &rule.non_resource_urls {
        for verb in &rule.verbs {
            small.push(PolicyRule { verbs: one(verb), non_resource_urls: one(url), ..PolicyRule::default() });
        }
    }
    small
}

fn covers(held: &PolicyRule, small: &PolicyRule) -> bool {
    let all = |values: &[String], test: &dyn Fn(&str) -> bool| values.iter().all(|value| test(value));
    all(&small.verbs, &|verb| contains_or_star(&held.verbs, verb))
        && all(&small.api_groups, &|group| contains_or_star(&held.api_groups, group))
        && all(&small.resources, &|resource| covers_resource(&held.resources, resource))
        && all(&small.non_resource_urls, &|url| {
            held.non_resource_urls.iter().any(|own| path_covers(own, url))
        })
        && (held.resource_names.is_empty()
            || (!small.resource_names.is_empty()
                && all(&small.resource_names, &|name| contains(&held.resource_names, name))))
}

fn covers_resource(held: &[String], resource: &str) -> bool {
    contains_or_star(held, resource)
        || resource.split_once('/').is_some_and(|(_, sub)| contains(held, &format!("*/{sub}")))
}
