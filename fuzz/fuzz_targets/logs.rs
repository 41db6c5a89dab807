//! A filter pattern or a query of Logs Insights, and behind lines of `---` two messages: the pattern
//! looks at them, the query runs over them as lines of a function and of another log.
#![no_main]

use gatepost_wire::logs::{
    filter_pattern::FilterPattern,
    insights::{Bounds, Event, Pointer, Query},
};
use libfuzzer_sys::fuzz_target;

const NOW_MS: i64 = 1_790_294_508_123;
const BOUNDS: Bounds = Bounds {
    rows: 10,
    memory: 1 << 20,
};

fuzz_target!(|input: &str| {
    let [asked, first, second] = gatepost_fuzz::parts(input);
    if let Ok(pattern) = FilterPattern::parse(asked) {
        let found = [first, second].map(|message| pattern.matches(message));
        assert_eq!(
            found,
            [first, second].map(|message| pattern.matches(message))
        );
    }
    match Query::parse(asked) {
        Err(mistake) => {
            assert!(mistake.start <= mistake.end && mistake.end <= asked.chars().count());
        }
        Ok(query) => run(&query, [first, second]),
    }
});

fn run(query: &Query, messages: [&str; 2]) {
    let mut execution = query.start(BOUNDS, NOW_MS);
    for (row, message) in (0_i64..).zip(messages) {
        let pointer = Pointer {
            log: "000000000000:log".into(),
            timestamp_ms: NOW_MS - row,
            row,
        };
        let is_of_function = row == 0;
        let event = Event::new(
            pointer.clone(),
            NOW_MS,
            "stream".into(),
            message.to_owned(),
            is_of_function,
        );
        assert_eq!(Pointer::parse(&event.record()["@ptr"]), Some(pointer));
        if execution.push(event).is_err() {
            return;
        }
    }
    if let Ok(outcome) = execution.finish() {
        assert!(outcome.rows.len() <= BOUNDS.rows);
        assert!(outcome.records_matched <= 2);
    }
}
