//! The template's DynamoDB tables, made at the endpoint that functions will use.

use gatepost_server::template::{
    self, Table,
    dynamodb::{TableOutcome, TableState},
};

/// The variable that names a local DynamoDB.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// What there is to say about a table.
pub enum Said {
    /// It is there.
    Note(String),
    /// It is not, or the endpoint cannot do all that the template asks for.
    Warning(String),
}

/// Makes the tables and gives what start-up says about them: what was made, what the endpoint
/// cannot do, or the command that starts one.
pub async fn create(region: &str, tables: &[Table]) -> Vec<Said> {
    if tables.is_empty() {
        return Vec::new();
    }
    let Some(endpoint) = std::env::var(ENDPOINT)
        .ok()
        .filter(|endpoint| !endpoint.is_empty())
    else {
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        return vec![Said::Warning(format!(
            "no DynamoDB is named, so these tables are not made: {}. Start one with `npx dynalite \
             --port 8000`, then `{ENDPOINT}=http://localhost:8000 gatepost dev`",
            names.join(", ")
        ))];
    };
    let outcomes = template::dynamodb::create_tables(&endpoint, region, tables).await;
    outcomes.iter().flat_map(describe).collect()
}

fn describe(outcome: &TableOutcome) -> Vec<Said> {
    let table = &outcome.table;
    let state = match &outcome.result {
        Ok(TableState::Created) => Said::Note(format!("Table {table}: made")),
        Ok(TableState::Existed) => Said::Note(format!("Table {table}: was there")),
        Err(error) => Said::Warning(format!("table {table} is not made: {error}")),
    };
    let warning = outcome
        .warning
        .as_ref()
        .map(|warning| Said::Warning(format!("table {table}: {warning}")));
    std::iter::once(state).chain(warning).collect()
}
