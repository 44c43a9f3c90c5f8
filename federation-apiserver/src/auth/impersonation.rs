//! Acting as somebody else (`kubectl --as`).
//!
//! Two kinds of right allow it. The narrow kind names both whom one may be and what one may do as that user:
//! `impersonate:user-info` on the user together with `impersonate-on:user-info:list` on pods, say; service accounts
//! and nodes have words of their own in the place of `user-info`. The wide kind, the verb `impersonate` on the user,
//! allows everything that the user may do. (Kubernetes documentation, "User Impersonation"; KEP 5284.)
//! The mode by which an agent is its own node is not offered, since no nodes are here.

use std::collections::BTreeMap;

use http::HeaderMap;

use crate::auth::{
    ANONYMOUS, Attributes, MASTERS, Policy, Refusal, ResourceTarget, UNAUTHENTICATED, User, quote::quoted,
    service_account_groups,
};

const AUTHENTICATION: &str = "authentication.k8s.io";
const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
/// From so many groups, or values of extra, on, the right to all of them is asked for first.
const MANY: usize = 4;

/// The user that the headers ask for, as they say it; none if they ask for nobody.
pub fn wanted(headers: &HeaderMap) -> Result<Option<User>, Refusal> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let first = |name: &str| headers.get(name).map(text).unwrap_or_default();
    let mut user = User {
        name: first(USER),
        uid: first(UID),
        groups: headers.get_all(GROUP).iter().map(text).collect(),
        extra: BTreeMap::new(),
    };
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            user.extra.entry(unescaped(key)).or_default().push(text(value));
        }
    }
    if !user.name.is_empty() {
        Ok(Some(user))
    } else if user == User::default() {
        Ok(None)
    } else {
        Err(Refusal::BadRequest(
            "requested groups, uid or extra without impersonating a user name".to_owned(),
        ))
    }
}

/// The user as whom the request goes on, if `me` may do what it asks for as `wanted`.
pub fn impersonate(
    policy: &Policy,
    me: &User,
    wanted: &User,
    attributes: &Attributes<'_>,
) -> Result<User, Refusal> {
    let narrow = Mode::of(wanted).map(|mode| {
        let verb = format!("impersonate-on:{}:{}", mode.name(), attributes.verb);
        allowed(policy, me, &Attributes { verb: &verb, ..*attributes })?;
        Check { policy, me, mode: Some(mode) }.all(wanted)
    });
    let refusal = match narrow {
        Some(Ok(user)) => return Ok(user),
        Some(Err(refusal)) => Some(refusal),
        None => None,
    };
    Check { policy, me, mode: None }.all(wanted).map_err(|wide| refusal.unwrap_or(wide))
}

/// The narrow kind's words for whom one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Node,
    ServiceAccount,
    Other,
}

impl Mode {
    /// Nodes and service accounts have groups of their own, so nothing but the name may be asked for.
    fn of(wanted: &User) -> Option<Self> {
        let mode = if node(&wanted.name).is_some() {
            Self::Node
        } else if account(&wanted.name).is_some() {
            Self::ServiceAccount
        } else {
            return Some(Self::Other);
        };
        let only_name = wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        only_name.then_some(mode)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Node => "arbitrary-node",
            Self::ServiceAccount => "serviceaccount",
            Self::Other => "user-info",
        }
    }
}

/// Asks for each part of a user; without a mode in the wide kind.
struct Check<'a> {
    policy: &'a Policy,
    me: &'a User,
    mode: Option<Mode>,
}

impl Check<'_> {
    fn all(&self, wanted: &User) -> Result<User, Refusal> {
        let mut user = wanted.clone();
        self.name(&mut user)?;
        if !wanted.uid.is_empty() {
            self.part(AUTHENTICATION, "uids", "", &wanted.uid)?;
        }
        self.groups(&wanted.groups)?;
        self.extra(&wanted.extra)?;
        if user.name != ANONYMOUS {
            return Ok(user.authenticated());
        }
        if !user.is_in(UNAUTHENTICATED) {
            user.groups.push(UNAUTHENTICATED.to_owned());
        }
        Ok(user)
    }

    fn name(&self, user: &mut User) -> Result<(), Refusal> {
        let name = user.name.clone();
        let mut target =
            ResourceTarget { group: self.group(), resource: "users", name: &name, ..Default::default() };
        if let Some(node) = node(&name).filter(|_| self.mode.is_some()) {
            target = ResourceTarget { resource: "nodes", name: node, ..target };
            user.groups = vec!["system:nodes".to_owned()];
        }
        if let Some((namespace, account)) = account(&name) {
            target = ResourceTarget { resource: "serviceaccounts", namespace, name: account, ..target };
            if user.groups.is_empty() {
                user.groups = service_account_groups(namespace).into();
            }
        }
        self.ask(target)
    }

    fn groups(&self, groups: &[String]) -> Result<(), Refusal> {
        if self.mode.is_some() {
            for (group, what) in [("", "the empty string group"), (MASTERS, "the system:masters group")] {
                if groups.iter().any(|wanted| wanted == group) {
                    return self.never("groups", group, &format!("impersonating {what} is not allowed"));
                }
            }
            if groups.len() >= MANY && self.part(self.group(), "groups", "", "*").is_ok() {
                return Ok(());
            }
        }
        groups.iter().try_for_each(|group| self.part(self.group(), "groups", "", group))
    }

    fn extra(&self, extra: &BTreeMap<String, Vec<String>>) -> Result<(), Refusal> {
        if self.mode.is_some() {
            if let Some(reason) = extra.iter().find_map(|(key, values)| unfit(key, values)) {
                return self.never("userextras", "", &reason);
            }
            let many = extra.values().map(Vec::len).sum::<usize>() >= MANY;
            if many && self.part(AUTHENTICATION, "userextras", "*", "*").is_ok() {
                return Ok(());
            }
        }
        extra
            .iter()
            .flat_map(|(key, values)| values.iter().map(move |value| (key, value)))
            .try_for_each(|(key, value)| self.part(AUTHENTICATION, "userextras", key, value))
    }

    fn part(&self, group: &str, resource: &str, subresource: &str, name: &str) -> Result<(), Refusal> {
        self.ask(ResourceTarget { group, resource, subresource, namespace: "", name })
    }

    fn ask(&self, target: ResourceTarget<'_>) -> Result<(), Refusal> {
        allowed(self.policy, self.me, &Attributes::resource(&self.verb(), target))
    }

    /// What the narrow kind never allows.
    fn never(&self, resource: &str, name: &str, reason: &str) -> Result<(), Refusal> {
        let group = if resource == "groups" { self.group() } else { AUTHENTICATION };
        let target = ResourceTarget { group, resource, name, ..Default::default() };
        Err(Attributes::resource(&self.verb(), target).refusal(self.me, reason))
    }

    fn verb(&self) -> String {
        match self.mode {
            None => "impersonate".to_owned(),
            Some(mode) => format!("impersonate:{}", mode.name()),
        }
    }

    /// The group of users, groups, nodes and service accounts: the wide kind takes them for the core group's.
    fn group(&self) -> &'static str {
        if self.mode.is_some() { AUTHENTICATION } else { "" }
    }
}

fn allowed(policy: &Policy, me: &User, attributes: &Attributes<'_>) -> Result<(), Refusal> {
    let decision = policy.authorize(me, attributes);
    if decision.allowed { Ok(()) } else { Err(attributes.refusal(me, &decision.reason)) }
}

/// Why an entry of extra is not for the narrow kind. Its keys begin with a domain.
fn unfit(key: &str, values: &[String]) -> Option<String> {
    if key.is_empty() {
        Some("impersonating the empty string key in extra is not allowed".to_owned())
    } else if !key.split_once('/').is_some_and(|(domain, path)| is_name(domain, 253) && !path.is_empty()) {
        Some("impersonating an invalid key in extra is not allowed".to_owned())
    } else if key.chars().any(char::is_uppercase) {
        Some(format!("impersonating a non-lowercase key in extra is not allowed: {}", quoted(key)))
    } else if values.iter().any(String::is_empty) {
        Some("impersonating the empty string value in extra is not allowed".to_owned())
    } else {
        None
    }
}

fn node(user: &str) -> Option<&str> {
    user.strip_prefix("system:node:").filter(|name| is_name(name, 253))
}

/// Namespace and name of a service account's user.
fn account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    (is_name(namespace, 63) && !namespace.contains('.') && is_name(name, 253)).then_some((namespace, name))
}

/// A DNS name in lower case (RFC 1123).
fn is_name(name: &str, longest: usize) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= longest && name.split('.').all(label)
}

/// A key with its `%` sequences decoded, or as it is if they are broken.
fn unescaped(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return key.to_owned();
        };
        bytes.push(byte);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| key.to_owned())
}

#[cfg(test)]
mod tests;
