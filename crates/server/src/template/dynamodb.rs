//! Makes a template's tables at a `DynamoDB` endpoint, so that an app that keeps its connection
//! ids in a table just runs.
