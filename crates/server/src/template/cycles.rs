//! Circular dependencies between resources, which CloudFormation cannot order.

use std::collections::{BTreeMap, BTreeSet};

use super::intrinsics::Evaluator;

/// Tells of a circle once, at the resource of it that stands first. Circles that share a resource
/// are often mended together, so that one of them is enough.
pub(super) fn refuse(evaluator: &Evaluator<'_>) {
    let dependencies = evaluator.dependencies.borrow();
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in dependencies.iter() {
        edges.entry(from).or_default().push(to);
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for resource in &evaluator.template.resources {
        let logical_id = resource.logical_id.as_str();
        if told.contains(logical_id) {
            continue;
        }
        if let Some(circle) = circle_through(logical_id, &edges)
            && !circle.iter().any(|member| told.contains(member))
        {
            let message = match circle.as_slice() {
                [_] => format!("Circular dependency for resource {logical_id}"),
                _ => format!(
                    "Circular dependency between resources: [{}]",
                    circle.join(", ")
                ),
            };
            let mend = "remove one of the references";
            evaluator
                .diagnostics
                .error(resource.position, message, mend);
            told.extend(circle);
        }
    }
}

/// The way from a resource back to itself, found breadth first.
fn circle_through<'e>(
    start: &'e str,
    edges: &BTreeMap<&'e str, Vec<&'e str>>,
) -> Option<Vec<&'e str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &next in edges.get(at).into_iter().flatten() {
            if next == start {
                let mut circle = vec![at];
                let mut step = at;
                while step != start {
                    step = came_from.get(step)?;
                    circle.push(step);
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_named_in_its_order_and_a_tail_is_not_part_of_it() {
        let edges = BTreeMap::from([
            ("tail", vec!["a"]),
            ("a", vec!["b"]),
            ("b", vec!["c"]),
            ("c", vec!["a", "leaf"]),
            ("me", vec!["me"]),
        ]);
        assert_eq!(circle_through("tail", &edges), None);
        assert_eq!(circle_through("b", &edges), Some(vec!["b", "c", "a"]));
        assert_eq!(circle_through("me", &edges), Some(vec!["me"]));
        assert_eq!(circle_through("leaf", &edges), None);
    }
}
