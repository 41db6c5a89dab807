//! Templates: CloudFormation and SAM, read into APIs, functions and tables.
