//! Plays schedules: one of a seed, with all that happened, or many.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use gatepost_simulation::{Played, VARIANTS, play};

/// Play Gatepost with time and faults from a seed
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -p gatepost-simulation -- --seed 4711")]
struct Cli {
    /// Play the schedule of this seed, and print all that happened
    #[arg(long)]
    seed: Option<u64>,
    /// Else play those from this seed on
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// For so many seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// With this fault built in
    #[arg(long)]
    variant: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let variant = cli.variant.as_ref().map(|name| {
        let of_name = |variant: &&gatepost_simulation::Variant| format!("{variant:?}") == *name;
        VARIANTS.iter().find(of_name)
    });
    if variant == Some(None) {
        eprintln!("there is no such variant: {VARIANTS:?}");
        return ExitCode::FAILURE;
    }
    let variant = variant.flatten().copied();
    if let Some(seed) = cli.seed {
        let played = play(seed, variant);
        for line in &played.trace {
            println!("{line}");
        }
        return told(seed, &played);
    }
    let until = Instant::now() + Duration::from_secs(cli.seconds);
    let (mut accepted, mut disconnects, mut processes) = (0, 0, 0);
    let mut seed = cli.from;
    while Instant::now() < until {
        let played = play(seed, variant);
        if played.broken.is_some() {
            return told(seed, &played);
        }
        accepted += played.accepted;
        disconnects += played.disconnects;
        processes += played.processes;
        seed += 1;
    }
    println!(
        "{} schedules: {processes} processes, {accepted} accepted posts, {disconnects} $disconnect \
         events; no promise was broken",
        seed - cli.from
    );
    ExitCode::SUCCESS
}

fn told(seed: u64, played: &Played) -> ExitCode {
    match &played.broken {
        None => ExitCode::SUCCESS,
        Some(broken) => {
            eprintln!(
                "{broken}\nto play it again: cargo run -p gatepost-simulation -- --seed {seed}"
            );
            ExitCode::FAILURE
        }
    }
}
