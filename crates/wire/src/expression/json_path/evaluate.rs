//! A path over a document.

use super::{
    JsonPath, Selector, Step,
    document::{Kind, Node},
    filter, function,
    function::Made,
};

/// How much a path may still do: one for each value that is looked at.
#[derive(Debug)]
pub(crate) struct Work {
    left: usize,
}

/// A path asked for more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuchWork;

impl Work {
    pub(crate) fn new(left: usize) -> Self {
        Self { left }
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(super) fn spend(&mut self, amount: usize) -> Result<(), TooMuchWork> {
        self.left = self.left.checked_sub(amount).ok_or(TooMuchWork)?;
        Ok(())
    }
}

/// What a path found.
#[derive(Debug, Clone)]
pub(crate) enum Found<'p, N> {
    /// A definite path leads nowhere.
    Nothing,
    /// The value of a definite path.
    One(N),
    /// The values of any other path.
    Many(Vec<N>),
    /// Some members of an object: `$['a','b']`.
    Members(Vec<(&'p str, N)>),
    /// Some members of several objects: `$[*]['a','b']`.
    ManyMembers(Vec<Vec<(&'p str, N)>>),
    /// What a function made.
    Made(Made),
}

/// Evaluates `path` from `start`; `root` is what `$` means in its filters and arguments.
pub(crate) fn evaluate<'p, 'd, N: Node<'d>>(
    path: &'p JsonPath,
    start: N,
    root: N,
    work: &mut Work,
) -> Result<Found<'p, N>, TooMuchWork> {
    let found = select(path, start, root, work)?;
    match &path.function {
        None => Ok(found),
        Some(function) => function::call(function, found, root, work),
    }
}

fn select<'p, 'd, N: Node<'d>>(
    path: &'p JsonPath,
    start: N,
    root: N,
    work: &mut Work,
) -> Result<Found<'p, N>, TooMuchWork> {
    work.spend(1)?;
    let (steps, picked) = match path.steps.split_last() {
        Some((
            Step {
                deep: false,
                selector: Selector::Names(names),
            },
            before,
        )) if names.len() > 1 => (before, Some(names)),
        _ => (&path.steps[..], None),
    };
    let is_definite = steps.iter().all(Step::is_definite);
    if is_definite && picked.is_none() {
        work.spend(steps.len())?;
        let found = steps.iter().try_fold(start, |node, step| step.single(node));
        return Ok(found.map_or(Found::Nothing, Found::One));
    }
    let mut matches = vec![start];
    for step in steps {
        let mut next = Vec::new();
        for node in matches {
            step.select(node, root, work, &mut next)?;
        }
        matches = next;
    }
    let Some(names) = picked else {
        return Ok(Found::Many(matches));
    };
    let mut members = Vec::new();
    for node in matches {
        if let Kind::Object(_) = node.kind() {
            work.spend(names.len())?;
            let present = names
                .iter()
                .filter_map(|name| Some((name.as_str(), node.member(name)?)));
            members.push(present.collect());
        }
    }
    Ok(if !is_definite {
        Found::ManyMembers(members)
    } else if let Some(members) = members.pop() {
        Found::Members(members)
    } else {
        Found::Nothing
    })
}

impl Step {
    fn select<'d, N: Node<'d>>(
        &self,
        node: N,
        root: N,
        work: &mut Work,
        found: &mut Vec<N>,
    ) -> Result<(), TooMuchWork> {
        if !self.deep {
            return self.selector.select(node, root, work, found);
        }
        // Each value before those below it; with a stack of its own, since live values may be
        // nested deeper than threads like.
        let mut below = vec![node];
        while let Some(node) = below.pop() {
            work.spend(1)?;
            match &self.selector {
                Selector::Filter(filter) => {
                    if let Kind::Object(_) = node.kind()
                        && filter::accepts(filter, node, root, work)?
                    {
                        found.push(node);
                    }
                }
                selector => selector.select(node, root, work, found)?,
            }
            let first = below.len();
            node.children(&mut |_, child| below.push(child));
            work.spend(below.len() - first)?;
            below[first..].reverse();
        }
        Ok(())
    }

    /// What a definite step leads to.
    fn single<'d, N: Node<'d>>(&self, node: N) -> Option<N> {
        match &self.selector {
            Selector::Names(names) => node.member(names.first()?),
            Selector::Indexes(indexes) => match node.kind() {
                Kind::Array(length) => node.item(position(*indexes.first()?, length)?),
                _ => None,
            },
            Selector::Slice(..) | Selector::Wildcard | Selector::Filter(_) => None,
        }
    }

    fn is_definite(&self) -> bool {
        !self.deep
            && match &self.selector {
                Selector::Names(names) => names.len() == 1,
                Selector::Indexes(indexes) => indexes.len() == 1,
                Selector::Slice(..) | Selector::Wildcard | Selector::Filter(_) => false,
            }
    }
}

impl Selector {
    fn select<'d, N: Node<'d>>(
        &self,
        node: N,
        root: N,
        work: &mut Work,
        found: &mut Vec<N>,
    ) -> Result<(), TooMuchWork> {
        match (self, node.kind()) {
            (Self::Names(names), Kind::Object(_)) => {
                work.spend(names.len())?;
                found.extend(names.iter().filter_map(|name| node.member(name)));
            }
            (Self::Indexes(indexes), Kind::Array(length)) => {
                work.spend(indexes.len())?;
                found.extend(
                    indexes
                        .iter()
                        .filter_map(|index| node.item(position(*index, length)?)),
                );
            }
            (Self::Slice(from, to), Kind::Array(length)) => {
                let bound = |index: Option<i64>, open| match index {
                    None => open,
                    Some(index) => position(index, length).unwrap_or(0).min(length),
                };
                let range = bound(*from, 0)..bound(*to, length);
                work.spend(range.len())?;
                found.extend(range.filter_map(|index| node.item(index)));
            }
            (Self::Wildcard, Kind::Array(length) | Kind::Object(length)) => {
                work.spend(length)?;
                node.children(&mut |_, child| found.push(child));
            }
            (Self::Filter(filter), Kind::Array(length)) => {
                for item in (0..length).filter_map(|index| node.item(index)) {
                    if filter::accepts(filter, item, root, work)? {
                        found.push(item);
                    }
                }
            }
            (Self::Filter(filter), Kind::Object(_))
                if filter::accepts(filter, node, root, work)? =>
            {
                found.push(node);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The position that an index means; a negative one counts from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(position) => Some(position),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}
