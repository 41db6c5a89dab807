//! What the logs hold: requests by their ids, rows of the access log, invocations of functions.

use std::collections::{HashMap, HashSet, VecDeque};

use gatepost_model::fault::FaultKind;
use gatepost_wire::aws_logs::{
    AccessRow, Columns, ExecutionLine, FunctionLine, PrintedEvent, execution_line, function_line,
};

use super::{
    story::{Call, End, Story},
    verdict::UNKNOWN,
};
use crate::store::FunctionLog;

/// Lines of an invocation that are told.
const MAX_LINES: usize = 200;
/// Invocations that may run in one log beside each other, as many as Lambda runs in a region by
/// default. Of more the first have ended, and their ends are not in the log.
const MAX_RUNNING: usize = 1000;
const OF_FUNCTIONS: &str = "/aws/lambda/";

/// All that the logs hold.
#[derive(Default)]
pub(super) struct Evidence<'a> {
    requests: Vec<Request<'a>>,
    calls: Vec<(u64, AccessRow)>,
    invocations: Vec<Invocation<'a>>,
    /// Where the invocations stand that run, by their function's name and stream, in the order of
    /// their starts.
    running: HashMap<Log<'a>, VecDeque<usize>>,
    sources: Sources,
}

/// Which logs are there.
#[derive(Default)]
struct Sources {
    execution: bool,
    info: bool,
    trace: bool,
    functions: bool,
    /// The columns of the access log, if there is one.
    access: Option<Columns>,
}

/// A request, by the lines of the execution log and the row of the access log.
#[derive(Default)]
pub(super) struct Request<'a> {
    pub id: String,
    /// `apiId` and stage.
    pub place: Option<(String, String)>,
    pub connection_id: Option<String>,
    /// Milliseconds since the epoch, and the text behind the request id.
    pub lines: Vec<(u64, &'a str)>,
    /// When, the client's agent, its address.
    pub connecting: Option<(u64, &'a str, &'a str)>,
    pub endpoint_request_id: Option<&'a str>,
    route: Option<String>,
    connected_at: Option<u64>,
    received_at: Option<u64>,
    pub status: Option<u16>,
    /// Whether it is the integration that answered so: else the gateway may have.
    is_of_integration: bool,
    end: Option<End<'a>>,
    fault: Option<(&'static str, String)>,
    /// What the backend of a data trace answered.
    response: Option<&'a str>,
}

struct Invocation<'a> {
    id: &'a str,
    function: &'a str,
    lines: Vec<(u64, &'a str)>,
}

/// Group and stream of a log, as far as they are known.
type Log<'a> = (&'a str, Option<&'a str>);

fn log_of(event: &PrintedEvent) -> Log<'_> {
    let group = event.log_group.as_deref();
    (group.unwrap_or_default(), event.log_stream.as_deref())
}

impl<'a> Request<'a> {
    fn read(&mut self, at_ms: u64, text: &'a str, line: ExecutionLine<'a>) {
        self.lines.push((at_ms, text));
        let named = |id: &str| Some(id.to_owned());
        match line {
            ExecutionLine::UsagePlan { api_id, stage } => {
                self.place = Some((api_id.to_owned(), stage.to_owned()));
            }
            ExecutionLine::Route(route) => self.route = named(route),
            ExecutionLine::Connecting {
                user_agent,
                source_ip,
            } => self.connecting = Some((at_ms, user_agent, source_ip)),
            ExecutionLine::Connected { connection_id } => {
                self.connection_id = named(connection_id);
                self.connected_at = Some(at_ms);
            }
            ExecutionLine::Received { connection_id } => {
                self.connection_id = named(connection_id);
                self.received_at.get_or_insert(at_ms);
            }
            ExecutionLine::MessageDone {
                connection_id,
                status,
            } => {
                self.connection_id = named(connection_id);
                self.answered(Some(status));
            }
            ExecutionLine::Disconnected {
                connection_id,
                status,
                code,
                reason,
            } => {
                self.connection_id = named(connection_id);
                self.answered(status);
                self.end = Some(End {
                    // The end was before the integration ran.
                    at_ms: self.began_at(),
                    request_id: self.id.clone(),
                    status,
                    code,
                    reason,
                });
            }
            ExecutionLine::EndpointRequestId(id) => self.endpoint_request_id = Some(id),
            ExecutionLine::Response { status } => self.answered(status),
            ExecutionLine::ResponseBody(body) => self.response = Some(body),
            ExecutionLine::Fault { slug } => {
                self.fault.get_or_insert_with(|| (slug, text.to_owned()));
            }
            ExecutionLine::Other { .. } => {
                // A data trace shows the event, and in it the connection.
                if self.connection_id.is_none() {
                    self.connection_id = connection_in(text);
                }
            }
        }
    }

    /// Lines that tell the status tell also what went wrong in the gateway.
    fn answered(&mut self, status: Option<u16>) {
        self.status = status.or(self.status);
        self.is_of_integration |= status.is_some();
    }

    fn read_row(&mut self, row: AccessRow) {
        self.connection_id = self.connection_id.take().or(row.connection_id);
        self.route = self.route.take().or(row.route_key);
        if let Some(status) = row.status {
            self.status = Some(status);
            // Where the gateway answers, the row says which response it was.
            self.is_of_integration |= row.columns.response_type && row.response_type.is_none();
        }
        let kind = row.response_type.as_deref().and_then(|response_type| {
            FaultKind::ALL
                .into_iter()
                .find(|kind| kind.response_type() == response_type)
        });
        if let Some(kind) = kind
            && self
                .fault
                .as_ref()
                .is_none_or(|(slug, _)| *slug == "unauthorized")
        {
            let text = format!("{} ({})", kind.message(), kind.response_type());
            self.fault = Some((kind.slug(), text));
        }
    }

    /// What went wrong: the slug of its page, and the words of the logs.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if let Some((slug, text)) = &self.fault {
            return Some((slug, text.clone()));
        }
        let said = self.response.map(|body| format!(": {body}"));
        let said = said.unwrap_or_default();
        if !self.is_connect() {
            let status = self.status.filter(|status| *status >= 400)?;
            return Some(if self.is_of_integration {
                let text = format!("the integration answered {status}{said}");
                ("integration-failure", text)
            } else {
                let text = format!("the request was answered {status}, the logs do not say why");
                (UNKNOWN, text)
            });
        }
        if self.connected_at.is_some() {
            return None;
        }
        match self.status {
            Some(status) if status >= 300 => {
                let text = format!("the $connect integration answered {status}{said}");
                Some(("not-established", text))
            }
            _ if self.endpoint_request_id.is_some() => {
                let text = format!("the $connect integration did not answer 2xx{said}");
                Some(("not-established", text))
            }
            _ => None,
        }
    }

    fn is_connect(&self) -> bool {
        self.route.as_deref() == Some("$connect")
    }

    /// Whether it is seen to its end.
    pub fn is_done(&self) -> bool {
        self.connected_at.is_some() || self.status.is_some() || self.end.is_some()
    }

    pub fn ended_at(&self) -> u64 {
        self.lines.last().map_or(0, |(at_ms, _)| *at_ms)
    }

    fn began_at(&self) -> u64 {
        self.lines.first().map_or(0, |(at_ms, _)| *at_ms)
    }
}

/// The connection that an event in a data trace is of.
fn connection_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"connectionId\":")?;
    let rest = rest.trim_start().strip_prefix('"')?;
    let (id, _) = rest.split_once('"')?;
    Some(id.to_owned())
}

impl<'a> Evidence<'a> {
    /// Reads all events, oldest first.
    pub fn of(events: &'a [PrintedEvent]) -> Self {
        let mut ordered: Vec<&PrintedEvent> = events.iter().collect();
        ordered.sort_by_key(|event| event.at_ms.unwrap_or_default());
        let mut evidence = Self::default();
        let mut places = HashMap::new();
        let mut rows = Vec::new();
        // What functions print may look like a row of an access log.
        let begun = events.iter().filter(|event| {
            let line = function_line(&event.message);
            matches!(line, FunctionLine::Init | FunctionLine::Start(_))
        });
        let of_functions: HashSet<Log<'_>> = begun
            .map(log_of)
            .filter(|(_, stream)| stream.is_some())
            .collect();
        for event in ordered {
            let at_ms = event.at_ms.unwrap_or_default();
            let log @ (group, stream) = log_of(event);
            let may_be_a_row = !group.starts_with(OF_FUNCTIONS) && !of_functions.contains(&log);
            if let Some((id, text, line)) = execution_line(&event.message) {
                evidence.sources.execution = true;
                match line {
                    ExecutionLine::Fault { .. } => {}
                    ExecutionLine::Other { is_trace: true } | ExecutionLine::ResponseBody(_) => {
                        evidence.sources.trace = true;
                    }
                    _ => evidence.sources.info = true,
                }
                let place = evidence.place_of(id, &mut places);
                evidence.requests[place].read(at_ms, text, line);
            } else if let Some(row) = may_be_a_row
                .then(|| AccessRow::parse(&event.message))
                .flatten()
            {
                let seen = evidence.sources.access.get_or_insert_default();
                seen.connection_id |= row.columns.connection_id;
                seen.event_type |= row.columns.event_type;
                seen.status |= row.columns.status;
                seen.response_type |= row.columns.response_type;
                rows.push((at_ms, row));
            } else {
                evidence.read_function(at_ms, group, stream, &event.message);
            }
        }
        for (at_ms, row) in rows {
            evidence.read_row(at_ms, row, &mut places);
        }
        evidence
    }

    /// Where the request with this id stands.
    fn place_of(&mut self, id: &str, places: &mut HashMap<String, usize>) -> usize {
        if let Some(place) = places.get(id) {
            return *place;
        }
        let place = self.requests.len();
        self.requests.push(Request {
            id: id.to_owned(),
            ..Request::default()
        });
        places.insert(id.to_owned(), place);
        place
    }

    fn read_row(&mut self, at_ms: u64, row: AccessRow, places: &mut HashMap<String, usize>) {
        if row.is_connections_call() {
            self.calls.push((at_ms, row));
            return;
        }
        let Some(id) = row.request_id.as_deref() else {
            return;
        };
        let place = self.place_of(id, places);
        let request = &mut self.requests[place];
        match row.event_type.as_deref() {
            Some("MESSAGE") => {
                request.received_at.get_or_insert(at_ms);
            }
            Some("CONNECT") if row.status.is_some_and(|status| status < 300) => {
                request.connected_at.get_or_insert(at_ms);
            }
            _ => {}
        }
        request.read_row(row);
    }

    fn read_function(
        &mut self,
        at_ms: u64,
        group: &'a str,
        stream: Option<&'a str>,
        message: &'a str,
    ) {
        let function = group
            .strip_prefix(OF_FUNCTIONS)
            .unwrap_or("whose log this is");
        self.sources.functions |= group.starts_with(OF_FUNCTIONS);
        let running = self.running.entry((function, stream)).or_default();
        match function_line(message) {
            FunctionLine::Start(id) => {
                self.sources.functions = true;
                if running.len() == MAX_RUNNING {
                    running.pop_front();
                }
                running.push_back(self.invocations.len());
                self.invocations.push(Invocation {
                    id,
                    function,
                    lines: vec![(at_ms, message)],
                });
            }
            line => {
                // In a stream invocations come one behind another. Where the streams are not told
                // apart, a line that names its invocation is that one's.
                let named = running
                    .iter()
                    .rposition(|place| message.contains(self.invocations[*place].id));
                let Some(nth) = named.or(running.len().checked_sub(1)) else {
                    return;
                };
                let lines = &mut self.invocations[running[nth]].lines;
                if lines.len() < MAX_LINES {
                    lines.push((at_ms, message));
                }
                if matches!(line, FunctionLine::Report(_)) {
                    running.remove(nth);
                }
            }
        }
    }

    /// The request with this id: its own, or the one that the function has in its log.
    pub fn request_of(&self, id: &str) -> Option<&Request<'a>> {
        let mut requests = self.requests.iter();
        requests.find(|request| request.id == id || request.endpoint_request_id == Some(id))
    }

    /// The connection that a call of `@connections` with this request id was for.
    pub fn called_in(&self, id: &str) -> Option<&str> {
        let mut calls = self.calls.iter();
        let (_, row) = calls.find(|(_, row)| row.request_id.as_deref() == Some(id))?;
        row.connection_id.as_deref()
    }

    /// What the function printed in this invocation.
    pub fn invocation(&self, id: &str) -> Option<FunctionLog> {
        let found = self.invocations.iter().find(|it| it.id == id)?;
        Some(FunctionLog::of_lines(found.function, &found.lines))
    }

    /// All that is told of a connection.
    pub fn story_of<'e>(&'e self, id: &str) -> Story<'e, 'a> {
        let mut story = Story::default();
        let own = |it: &&Request<'_>| it.connection_id.as_deref() == Some(id);
        for request in self.requests.iter().filter(own) {
            story.place = story.place.take().or_else(|| request.place.clone());
            if request.is_connect() {
                let began_at = request.connecting.map(|(at_ms, ..)| at_ms);
                let began_at = began_at.or_else(|| request.lines.first().map(|line| line.0));
                if let Some(at_ms) = began_at {
                    story.handshake = Some((at_ms, request));
                }
                if let Some(at_ms) = request.connected_at {
                    story.established = Some((at_ms, request.id.as_str()));
                }
                let invocation = self
                    .invocations
                    .iter()
                    .find(|it| Some(it.id) == request.endpoint_request_id);
                story.posted_in_connect |= invocation.is_some_and(|it| {
                    let mut lines = it.lines.iter();
                    lines.any(|(_, text)| text.contains("GoneException"))
                });
            }
            story.messages.extend(request.received_at);
            if let Some(end) = &request.end {
                story.end = Some(end.clone());
            }
        }
        let calls = self
            .calls
            .iter()
            .filter(|(_, row)| row.connection_id.as_deref() == Some(id));
        for (at_ms, row) in calls {
            let status = row.status.unwrap_or_default();
            match (row.operation(), status) {
                ("PostToConnection", 200..300) => story.posts.push(*at_ms),
                ("DeleteConnection", 200..300) => story.deleted_at = Some(*at_ms),
                (_, 200..300) => {}
                (operation, _) => {
                    let caller = row.caller.as_deref().unwrap_or("somebody");
                    let request = row.request_id.as_deref().unwrap_or("unknown");
                    story.calls.push(Call {
                        at_ms: *at_ms,
                        status,
                        text: format!(
                            "{operation} by {caller} was answered {status} (request {request})"
                        ),
                    });
                }
            }
        }
        story
    }

    /// Another connection whose id begins with this text.
    pub fn whole_id_of(&self, cut: &str) -> Option<&str> {
        let mut ids = self
            .requests
            .iter()
            .filter_map(|it| it.connection_id.as_deref());
        ids.find(|id| id.len() > cut.len() && id.starts_with(cut))
    }

    /// Whether calls of `@connections` are seen.
    pub fn sees_calls(&self) -> bool {
        let access = self.sources.access;
        access.is_some_and(|has| has.connection_id && has.event_type)
    }

    /// Settings that would have shown more.
    pub fn missing(&self) -> Vec<&'static str> {
        let Sources {
            execution,
            info,
            trace,
            functions,
            access,
        } = &self.sources;
        let mut missing = Vec::new();
        if !execution {
            missing.push(
                "read the execution log, /aws/apigateway/{apiId}/{stage}: loggingLevel INFO of the \
                 stage writes it",
            );
        } else if !info {
            missing.push(
                "set loggingLevel of the stage to INFO: at ERROR nothing tells when connections \
                 begin and end",
            );
        }
        match access {
            None => missing.push(
                "give the stage an access log with $context.requestId, connectionId, eventType, \
                 routeKey, status and error.responseType: nothing else tells of calls of \
                 @connections",
            ),
            Some(has) => {
                for (has, mend) in [
                    (
                        has.connection_id,
                        "put $context.connectionId into the access log's format",
                    ),
                    (
                        has.event_type,
                        "put $context.eventType into the access log's format",
                    ),
                    (
                        has.status,
                        "put $context.status into the access log's format",
                    ),
                    (
                        has.response_type,
                        "put $context.error.responseType into the access log's format",
                    ),
                ] {
                    if !has {
                        missing.push(mend);
                    }
                }
            }
        }
        if !functions {
            missing.push("read the functions' logs too, /aws/lambda/{function}");
        }
        if !trace {
            missing.push(
                "dataTraceEnabled shows the answers of integrations, for a short while and not in \
                 production",
            );
        }
        missing
    }
}
