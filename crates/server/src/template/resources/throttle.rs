//! Rate and burst, as stages, routes and usage plans have them.

use gatepost_model::throttle::ThrottleSettings;

use crate::template::properties::Properties;

/// Reads the properties `rate` and `burst`.
pub(super) fn read(properties: &Properties<'_>, rate: &str, burst: &str) -> ThrottleSettings {
    let rate_limit = properties.number(rate);
    if rate_limit.is_some_and(|limit| !limit.is_finite() || limit < 0.0) {
        let mend = "write requests per second, 0 or more";
        properties.error(rate, format!("{rate} is not a rate"), mend);
    }
    let burst_limit = properties.integer(burst, 0..=u32::MAX);
    for (name, refuses_all) in [
        (rate, rate_limit == Some(0.0)),
        (burst, burst_limit == Some(0)),
    ] {
        if refuses_all {
            let message = format!("{name} is 0: requests are refused with 429");
            properties.warn(name, message, "raise it, or leave it out");
        }
    }
    ThrottleSettings {
        rate_limit,
        burst_limit,
    }
}
