//! VPC links.

use std::collections::BTreeMap;

use gatepost_model::vpc_link::{VpcLink, VpcLinkTarget};
use rusqlite::{Connection as Database, Transaction};
use serde::{Deserialize, Serialize};

use super::{read_rows, rows, write};
use crate::control::Made;

pub(in crate::store) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS vpc_links (
        id TEXT PRIMARY KEY,
        document TEXT NOT NULL
    ) WITHOUT ROWID;
";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptLink {
    name: String,
    target: KeptTarget,
    tags: BTreeMap<String, String>,
    created_at_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum KeptTarget {
    LoadBalancer {
        description: Option<String>,
        target_arns: Vec<String>,
    },
    Subnets {
        subnet_ids: Vec<String>,
        security_group_ids: Vec<String>,
    },
}

pub(super) fn keep(
    transaction: &Transaction<'_>,
    before: &Made,
    after: &Made,
) -> rusqlite::Result<()> {
    let rows = |made: &Made| rows(&made.vpc_links, |it| &it.vpc_link_id, kept);
    write(transaction, "vpc_links", &rows(before), &rows(after))
}

pub(super) fn read(database: &Database) -> rusqlite::Result<Vec<VpcLink>> {
    read_rows(database, "SELECT id, document FROM vpc_links", vpc_link)
}

fn kept(link: &VpcLink) -> KeptLink {
    KeptLink {
        name: link.name.clone(),
        target: match link.target.clone() {
            VpcLinkTarget::LoadBalancer {
                description,
                target_arns,
            } => KeptTarget::LoadBalancer {
                description,
                target_arns,
            },
            VpcLinkTarget::Subnets {
                subnet_ids,
                security_group_ids,
            } => KeptTarget::Subnets {
                subnet_ids,
                security_group_ids,
            },
        },
        tags: link.tags.clone(),
        created_at_ms: link.created_at_ms,
    }
}

fn vpc_link(id: String, kept: KeptLink) -> VpcLink {
    VpcLink {
        vpc_link_id: id,
        name: kept.name,
        target: match kept.target {
            KeptTarget::LoadBalancer {
                description,
                target_arns,
            } => VpcLinkTarget::LoadBalancer {
                description,
                target_arns,
            },
            KeptTarget::Subnets {
                subnet_ids,
                security_group_ids,
            } => VpcLinkTarget::Subnets {
                subnet_ids,
                security_group_ids,
            },
        },
        tags: kept.tags,
        created_at_ms: kept.created_at_ms,
    }
}
