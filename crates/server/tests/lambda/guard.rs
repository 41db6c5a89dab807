//! No function outlives Gatepost, even one that is killed. This test binary plays Gatepost and its
//! guard in processes of their own.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use super::support::{World, is_alive, node, python, soon};

const PID: &str = "
import os, signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def handler(event, context):
    child = subprocess.Popen(['sleep', '60'])
    return [os.getpid(), child.pid]
";

#[test]
#[ignore = "a part of the test below, in a process of its own"]
fn part_of_the_guard() {
    gatepost_server::lambda::guard::main();
}

#[tokio::test]
#[ignore = "a part of the test below, in a process of its own"]
async fn part_of_gatepost() {
    let js = "export const handler = async () => [process.pid];";
    let functions = vec![
        python("one", PID),
        python("two", PID),
        node("js", "app.mjs", js),
    ];
    let world = World::with(functions, |config| {
        config.guard_command = role("part_of_the_guard");
    });
    let mut pids = Vec::new();
    for name in ["one", "two", "js"] {
        pids.push(world.call(name, &json!({})).await.0);
    }
    eprintln!("pids {}", json!(pids));
    tokio::time::sleep(Duration::from_secs(60)).await;
}

fn role(part: &str) -> Vec<std::ffi::OsString> {
    let this = std::env::current_exe().unwrap().into_os_string();
    let name = format!("guard::{part}");
    vec![
        this,
        "--ignored".into(),
        "--exact".into(),
        name.into(),
        "--nocapture".into(),
    ]
}

#[tokio::test]
async fn no_process_is_left_two_seconds_after_gatepost_was_killed() {
    let command = role("part_of_gatepost");
    let mut gatepost = Command::new(&command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(gatepost.stderr.take().unwrap()).lines();
    let line = lines
        .map_while(Result::ok)
        .find(|line| line.starts_with("pids "))
        .unwrap();
    let pids: Vec<Vec<Value>> = serde_json::from_str(&line["pids ".len()..]).unwrap();
    let pids: Vec<Value> = pids.concat();
    assert_eq!(pids.len(), 5);
    assert!(pids.iter().all(is_alive), "{pids:?}");
    gatepost.kill().unwrap();
    gatepost.wait().unwrap();
    assert!(soon(|| !pids.iter().any(is_alive)).await, "{pids:?}");
}
