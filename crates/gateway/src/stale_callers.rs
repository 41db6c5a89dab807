//! Who keeps calling ids that are gone while Gatepost runs, so that it is said before anybody asks
//! `gatepost why --stale`: each caller once in a while, whatever it does, and only so many callers.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
};

use gatepost_model::{connection_id::ConnectionId, request_context::iso_time};
use parking_lot::Mutex;

use crate::{
    lifecycle::{DisconnectRecord, RefusedCall},
    store::StaleCaller,
};

/// Calls of one caller after which it is said.
const CALLS: u64 = 10;
/// How long a caller must be silent for what it did before to be forgotten; and how often it is told
/// of the same caller at most, milliseconds.
const A_WHILE_MS: u64 = 10 * 60 * 1000;
/// How often it is told at most, whoever calls, milliseconds.
const PAUSE_MS: u64 = 5_000;
/// Callers that are remembered; of more, those that called last.
const MAX_CALLERS: usize = 256;
/// Ids of one caller that are told apart; more are counted as new ones.
const MAX_IDS: usize = 256;
/// Connections of which is remembered that their `$disconnect` was not heard of.
const MAX_ENDS: usize = 4_096;

/// The callers of what is gone.
#[derive(Debug, Default)]
pub struct StaleCallers {
    state: Mutex<State>,
    key: RandomState,
}

#[derive(Debug, Default)]
struct State {
    callers: HashMap<Box<str>, Caller>,
    told_at_ms: Option<u64>,
    ends: HashMap<ConnectionId, End>,
    /// In the order in which they came.
    order: VecDeque<ConnectionId>,
}

#[derive(Debug, Default)]
struct Caller {
    stale: StaleCaller,
    /// Keyed digests of its ids, each with the calls for it.
    ids: HashMap<u64, u64>,
    told_at_ms: Option<u64>,
}

/// Why a table still has the id of a connection that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// No integration heard of it.
    Unheard,
    /// The integration that heard of it failed.
    Failed,
}

impl StaleCallers {
    /// A connection ended, and this is how its `$disconnect` went.
    pub(crate) fn disconnected(&self, id: ConnectionId, record: &DisconnectRecord) {
        let end = match (&record.request_id, &record.error) {
            (None, _) => End::Unheard,
            (_, Some(_)) => End::Failed,
            _ => return,
        };
        let mut state = self.state.lock();
        if state.ends.insert(id, end).is_none() {
            state.order.push_back(id);
        }
        if state.order.len() > MAX_ENDS
            && let Some(oldest) = state.order.pop_front()
        {
            state.ends.remove(&oldest);
        }
    }

    /// A call was refused. What is to be said of its caller, if it is time for that.
    pub fn refused(&self, call: &RefusedCall) -> Option<String> {
        if !call.is_gone() {
            return None;
        }
        let name = call.caller_name();
        let digest = self.key.hash_one(&call.connection_id);
        let now_ms = call.at_ms;
        let mut state = self.state.lock();
        let end = call.connection_id.parse().ok();
        let end = end.and_then(|id: ConnectionId| state.ends.get(&id).copied());
        state.make_room_for(name);
        let caller = state.callers.entry(name.into()).or_default();
        caller.called(name, call, digest, end);
        let is_due = |told: Option<u64>, pause| told.is_none_or(|at| now_ms >= at + pause);
        let is_told = caller.stale.calls >= CALLS
            && is_due(caller.told_at_ms, A_WHILE_MS)
            && is_due(state.told_at_ms, PAUSE_MS);
        if !is_told {
            return None;
        }
        let caller = state.callers.get_mut(name)?;
        caller.told_at_ms = Some(now_ms);
        let text = caller.stale.warning();
        state.told_at_ms = Some(now_ms);
        Some(text)
    }
}

impl State {
    fn make_room_for(&mut self, name: &str) {
        if self.callers.len() < MAX_CALLERS || self.callers.contains_key(name) {
            return;
        }
        let callers = self.callers.iter();
        let oldest = callers.min_by_key(|(_, caller)| caller.stale.between_ms.1);
        if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
            self.callers.remove(&oldest);
        }
    }
}

impl Caller {
    fn called(&mut self, name: &str, call: &RefusedCall, digest: u64, end: Option<End>) {
        let now_ms = call.at_ms;
        let (_, latest_ms) = self.stale.between_ms;
        if self.stale.calls == 0 || now_ms >= latest_ms + A_WHILE_MS {
            let told_at_ms = self.told_at_ms;
            *self = Self {
                told_at_ms,
                ..Self::default()
            };
            name.clone_into(&mut self.stale.caller);
            self.stale.between_ms = (now_ms, now_ms);
        }
        let stale = &mut self.stale;
        stale.calls += 1;
        stale.between_ms.1 = stale.between_ms.1.max(now_ms);
        if let Some(calls) = self.ids.get_mut(&digest) {
            *calls += 1;
            stale.repeated += u64::from(*calls == 2);
            return;
        }
        if self.ids.len() < MAX_IDS {
            self.ids.insert(digest, 1);
        }
        stale.ids += 1;
        stale.foreign += u64::from(StaleCaller::is_foreign(&call.reason));
        stale.unheard += u64::from(end == Some(End::Unheard));
        stale.failed += u64::from(end == Some(End::Failed));
    }
}

impl StaleCaller {
    fn warning(&self) -> String {
        let ids = if self.ids == 1 {
            "an id that is"
        } else {
            "ids that are"
        };
        format!(
            "{} keeps calling {ids} gone: {} calls for {} since {}; likely missing: {} (gatepost why \
             --stale)",
            self.caller,
            self.calls,
            self.ids,
            iso_time(self.between_ms.0),
            self.missing_step(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str, id: &str, reason: &str, at_ms: u64) -> RefusedCall {
        RefusedCall {
            connection_id: id.into(),
            at_ms,
            operation: "PostToConnection".into(),
            caller: caller.into(),
            request_id: "r".into(),
            status: 410,
            reason: reason.into(),
            text: "".into(),
        }
    }

    fn told(stale: &StaleCallers, calls: &[RefusedCall]) -> Vec<String> {
        calls
            .iter()
            .filter_map(|call| stale.refused(call))
            .collect()
    }

    #[test]
    fn a_caller_is_told_of_once_in_a_while_with_how_many_since_when_and_the_missing_step() {
        let stale = StaleCallers::default();
        let by = |invocation: u64, at_ms| {
            let caller = format!("function chat-Send (request {invocation})");
            call(&caller, "id", "closed-by-client", at_ms)
        };
        let calls: Vec<_> = (0..100).map(|n| by(n, 1_000 + n)).collect();
        assert_eq!(
            told(&stale, &calls),
            [
                "function chat-Send keeps calling an id that is gone: 10 calls for 1 since \
                 1970-01-01T00:00:01.000Z; likely missing: nothing deletes an id on GoneException, \
                 so that it is called again and again: delete it there (gatepost why --stale)"
            ]
        );
        let later: Vec<_> = (0..100).map(|n| by(n, A_WHILE_MS / 2 + n)).collect();
        assert!(told(&stale, &later).is_empty());
        let [again] = &told(&stale, &[by(0, 2_000 + A_WHILE_MS)])[..] else {
            panic!("it is told again");
        };
        assert!(again.contains("201 calls for 1 since"), "{again}");
    }

    #[test]
    fn the_missing_step_is_that_of_the_connections_that_are_called() {
        let id = |number: u8| ConnectionId::from_bytes([number; 13]);
        let missing = |prepare: fn(&StaleCallers, ConnectionId), reason| {
            let stale = StaleCallers::default();
            (0..10).for_each(|number| prepare(&stale, id(number)));
            let calls: Vec<_> = (0..10)
                .map(|number| call("a", &id(number).to_string(), reason, 1))
                .collect();
            told(&stale, &calls).remove(0)
        };
        let unheard = |stale: &StaleCallers, id| {
            stale.disconnected(id, &DisconnectRecord::nobody_heard(1));
        };
        let failed = |stale: &StaleCallers, id| {
            let record = DisconnectRecord {
                request_id: Some("r".into()),
                error: Some("no".into()),
                ..DisconnectRecord::nobody_heard(1)
            };
            stale.disconnected(id, &record);
        };
        let gone = "closed-by-client";
        assert!(missing(|_, _| {}, gone).contains("10 calls for 10 since"));
        assert!(missing(unheard, gone).contains("there is no $disconnect route"));
        assert!(missing(failed, gone).contains("$disconnect fails"));
        assert!(missing(|_, _| {}, "other-api").contains("ids of another environment"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let stale = StaleCallers::default();
        for n in 0..10_000 {
            let id = format!("id{n}");
            stale.refused(&call(&format!("c{n}"), &id, "forgotten", n));
            stale.refused(&call("one", &id, "forgotten", n));
            let mut bytes = [0; 13];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            let id = ConnectionId::from_bytes(bytes);
            stale.disconnected(id, &DisconnectRecord::nobody_heard(n));
        }
        let state = stale.state.lock();
        assert_eq!(state.callers.len(), MAX_CALLERS);
        let one = &state.callers["one"];
        assert_eq!((one.ids.len(), one.stale.ids), (MAX_IDS, 10_000));
        assert_eq!((state.ends.len(), state.order.len()), (MAX_ENDS, MAX_ENDS));
    }

    #[test]
    fn posts_while_connect_runs_and_other_refusals_are_none_of_it() {
        let stale = StaleCallers::default();
        let early: Vec<_> = (0..50)
            .map(|n| call("a", "id", "not-established", n))
            .collect();
        assert!(told(&stale, &early).is_empty());
        assert!(stale.state.lock().callers.is_empty());
    }
}
