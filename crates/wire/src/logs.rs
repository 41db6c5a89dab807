//! The two languages in which CloudWatch Logs is asked: filter patterns and Logs Insights.

pub mod filter_pattern;
pub mod insights;
