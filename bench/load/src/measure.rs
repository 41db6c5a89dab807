//! What a run cost: CPU time and memory of the server's processes, and of everybody else.

use std::{fs, time::Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use nix::unistd::{SysconfVar, sysconf};
use serde_json::{Value, json};

/// CPU seconds, in user and in kernel.
#[derive(Clone, Copy, Default)]
struct Cpu {
    user: f64,
    system: f64,
}

/// The processes that are measured.
#[derive(Clone, Default)]
pub struct Server {
    pids: Vec<u32>,
    /// Not the server's, but part of the run: backends and handlers.
    others: Vec<u32>,
}

/// A run that has begun.
pub struct Running<'a> {
    server: &'a Server,
    start: Instant,
    cpu: Cpu,
    own: f64,
    others: f64,
    busy: f64,
}

impl Server {
    /// The server's processes and its helpers'; their children count with them.
    pub fn new(pids: &[u32], others: &[u32]) -> Self {
        Self {
            pids: pids.to_vec(),
            others: others.to_vec(),
        }
    }

    /// Begins to measure.
    pub fn begin(&self) -> anyhow::Result<Running<'_>> {
        Ok(Running {
            start: Instant::now(),
            cpu: self.cpu()?,
            own: own_cpu()?,
            others: self.others()?,
            busy: busy()?,
            server: self,
        })
    }

    fn cpu(&self) -> anyhow::Result<Cpu> {
        let mut sum = Cpu::default();
        for &pid in &self.pids {
            let cpu = cpu_of(&pid.to_string())?;
            sum.user += cpu.user;
            sum.system += cpu.system;
        }
        Ok(sum)
    }

    fn others(&self) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for &pid in &self.others {
            for pid in with_children(pid) {
                let cpu = cpu_of(&pid.to_string())?;
                sum += cpu.user + cpu.system;
            }
        }
        for &pid in &self.pids {
            for child in with_children(pid)
                .into_iter()
                .filter(|child| !self.pids.contains(child))
            {
                let cpu = cpu_of(&child.to_string())?;
                sum += cpu.user + cpu.system;
            }
        }
        Ok(sum)
    }

    /// `RssAnon` of the server's processes, bytes.
    pub fn memory(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for pid in &self.pids {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("RssAnon:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next());
            let kilobytes: u64 = kilobytes.context("no RssAnon")?.parse()?;
            sum += kilobytes * 1024;
        }
        Ok(sum)
    }
}

impl Running<'_> {
    /// Ends: seconds, cores of the server, of itself and of everybody else, CPU per operation.
    pub fn end(self, operations: u64) -> anyhow::Result<Value> {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu = self.server.cpu()?;
        let (user, system) = (cpu.user - self.cpu.user, cpu.system - self.cpu.system);
        let own = own_cpu()? - self.own;
        let helpers = self.server.others()? - self.others;
        let busy = busy()? - self.busy;
        let each = |seconds: f64| seconds * 1e6 / operations.max(1) as f64;
        Ok(json!({
            "seconds": seconds,
            "operations": operations,
            "rate": operations as f64 / seconds,
            "cpu_us": each(user + system),
            "user_us": each(user),
            "system_us": each(system),
            "server_cores": (user + system) / seconds,
            "own_cores": own / seconds,
            "helper_cores": helpers / seconds,
            "other_cores": (busy - user - system - own - helpers).max(0.0) / seconds,
        }))
    }
}

/// The percentiles of a histogram of microseconds.
pub fn percentiles(histogram: &Histogram<u64>) -> Value {
    json!({
        "p50_us": histogram.value_at_quantile(0.5),
        "p99_us": histogram.value_at_quantile(0.99),
        "p999_us": histogram.value_at_quantile(0.999),
    })
}

/// Adds the members of `more` to `result`.
pub fn join(result: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (result, more) {
        members.extend(more);
    }
}

fn own_cpu() -> anyhow::Result<f64> {
    let cpu = cpu_of("self")?;
    Ok(cpu.user + cpu.system)
}

fn cpu_of(pid: &str) -> anyhow::Result<Cpu> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone"))?;
    // The name, in brackets, may hold blanks.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("no name in stat")?
        .1
        .split_whitespace()
        .collect();
    let ticks = ticks_per_second()?;
    Ok(Cpu {
        user: fields.get(11).context("no utime")?.parse::<f64>()? / ticks,
        system: fields.get(12).context("no stime")?.parse::<f64>()? / ticks,
    })
}

fn with_children(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        next += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    found
}

/// CPU seconds that the whole machine was busy.
fn busy() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("no cpu line")?;
    let fields: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let idle: f64 = fields.iter().skip(3).take(2).sum();
    // Guest time is counted in user time already.
    let all: f64 = fields.iter().take(8).sum();
    Ok((all - idle) / ticks_per_second()?)
}

fn ticks_per_second() -> anyhow::Result<f64> {
    Ok(sysconf(SysconfVar::CLK_TCK)?.context("no clock ticks")? as f64)
}
