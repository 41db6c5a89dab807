//! Carrying out a query over the lines of its groups, the newest first.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use gatepost_gateway::{
    clock::now_ms,
    store::{LogLine, LogPosition, LogQuery, ReadError, Store, Streams},
};
use gatepost_wire::logs::insights::{Bounds, Query};

use super::{KeptQuery, Queries, Statistics, Status, event};

/// Lines that are read at once, and their bytes.
const PAGE_LINES: usize = 2_000;
const PAGE_BYTES: usize = 1024 * 1024;
/// Lines after which the clock is looked at.
const CHECK_EVERY: u64 = 64;

/// A query, and what it needs.
pub(super) struct Run {
    pub(super) store: Arc<Store>,
    pub(super) queries: Arc<Queries>,
    pub(super) account_id: String,
    pub(super) kept: Arc<KeptQuery>,
    pub(super) query: Query,
    /// Rows of the result at most.
    pub(super) rows: usize,
}

/// How a query ended.
struct Ended(Status, Vec<Vec<(String, String)>>);

/// The lines of a group that are still to come.
struct Group<'r> {
    store: &'r Store,
    query: LogQuery<'r>,
    /// `@log`.
    log: Arc<str>,
    lines: VecDeque<LogLine>,
    is_read: bool,
}

impl Run {
    /// Carries the query out, and notes how it ended.
    pub(super) fn carry_on(self) {
        self.kept.progress.lock().status = Status::Running;
        // What the store cannot read fails the query, as on AWS.
        let ended = self
            .carry_out()
            .unwrap_or(Ended(Status::Failed, Vec::new()));
        self.queries.end(&self.kept, ended.0, ended.1);
    }

    fn carry_out(&self) -> Result<Ended, ReadError> {
        let began = Instant::now();
        let limits = self.queries.limits;
        let bounds = Bounds {
            rows: self.rows,
            memory: limits.memory,
        };
        let now_ms = i64::try_from(now_ms()).unwrap_or(i64::MAX);
        let mut execution = self.query.start(bounds, now_ms);
        let ms = |seconds: i64| LogPosition::at(seconds.saturating_mul(1000));
        let (start, end) = self.kept.times;
        let mut groups: Vec<Group<'_>> = self
            .kept
            .log_groups
            .iter()
            .map(|log_group| Group {
                store: &self.store,
                query: LogQuery {
                    log_group,
                    streams: Streams::All,
                    range: ms(start)..ms(end.saturating_add(1)),
                    newest_first: true,
                    max_lines: PAGE_LINES,
                    max_bytes: PAGE_BYTES,
                },
                log: format!("{}:{log_group}", self.account_id).into(),
                lines: VecDeque::new(),
                is_read: false,
            })
            .collect();
        let mut statistics = Statistics::default();
        while let Some((group, line)) = newest(&mut groups)? {
            statistics.records_scanned += 1;
            statistics.bytes_scanned += line.message.len() as u64;
            let event = event(&group.log, group.query.log_group, line);
            if execution.push(event).is_err() {
                return Ok(Ended(Status::Failed, Vec::new()));
            }
            if statistics.records_scanned % CHECK_EVERY == 0 {
                statistics.records_matched = execution.records_matched();
                self.kept.progress.lock().statistics = statistics;
                if self.kept.is_cancelled() {
                    return Ok(Ended(Status::Cancelled, Vec::new()));
                }
                if began.elapsed() > limits.timeout {
                    return Ok(Ended(Status::Timeout, Vec::new()));
                }
            }
        }
        let Ok(outcome) = execution.finish() else {
            return Ok(Ended(Status::Failed, Vec::new()));
        };
        statistics.records_matched = outcome.records_matched;
        self.kept.progress.lock().statistics = statistics;
        Ok(Ended(Status::Complete, outcome.rows))
    }
}

/// The newest line of all groups, and its group.
fn newest<'g, 'r>(
    groups: &'g mut [Group<'r>],
) -> Result<Option<(&'g Group<'r>, LogLine)>, ReadError> {
    let mut newest: Option<(usize, i64)> = None;
    for (index, group) in groups.iter_mut().enumerate() {
        if let Some(at_ms) = group.peek()?
            && newest.is_none_or(|(_, newest_ms)| at_ms > newest_ms)
        {
            newest = Some((index, at_ms));
        }
    }
    let Some((index, _)) = newest else {
        return Ok(None);
    };
    let group = &mut groups[index];
    let line = group.lines.pop_front();
    let group = &*group;
    Ok(line.map(|line| (group, line)))
}

impl Group<'_> {
    /// When its next line was.
    fn peek(&mut self) -> Result<Option<i64>, ReadError> {
        while self.lines.is_empty() && !self.is_read {
            let page = self.store.log_lines(&self.query)?;
            self.lines.extend(page.lines);
            match page.unfinished_at {
                Some(last) => self.query.range.end = last,
                None => self.is_read = true,
            }
        }
        Ok(self.lines.front().map(|line| line.position.timestamp_ms))
    }
}
