//! The template's DynamoDB tables, made at the endpoint that functions will use.

use gatepost_server::template::{
    self, Table,
    dynamodb::{TableOutcome, TableState},
};

/// The variable that names a local DynamoDB.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// Makes the tables and gives the lines that start-up says about them: what was made, what the
/// endpoint cannot do, or the command that starts one.
pub async fn create(region: &str, tables: &[Table]) -> Vec<String> {
    if tables.is_empty() {
        return Vec::new();
    }
    let Some(endpoint) = std::env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty())
    else {
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        return vec![
            format!("Tables {} are not made: no DynamoDB is named.", names.join(", ")),
            "  To have one: npx dynalite --port 8000, then".into(),
            format!("  {ENDPOINT}=http://localhost:8000 gatepost dev"),
        ];
    };
    let outcomes = template::dynamodb::create_tables(&endpoint, region, tables).await;
    outcomes.iter().map(describe).collect()
}

fn describe(outcome: &TableOutcome) -> String {
    let table = &outcome.table;
    let state = match &outcome.result {
        Ok(TableState::Created) => "made".to_owned(),
        Ok(TableState::Existed) => "was there".to_owned(),
        Err(error) => format!("not made: {error}"),
    };
    match &outcome.warning {
        None => format!("Table {table}: {state}"),
        Some(warning) => format!("Table {table}: {state}; {warning}"),
    }
}
