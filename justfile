# The commands of this repository; each is also a plain command in the README.

# List the commands.
default:
    @just --list

# Run a chat in the browser.
demo:
    cargo run --release -- demo

# Run all tests; arguments go to pytest.
test *arguments:
    tests/run {{arguments}}

# Run all Autobahn cases against the codec and the gateway, after `just test` has built them.
autobahn:
    tests/autobahn/run codec
    tests/autobahn/run gateway

# Compare the instruction counts of the hot paths with the kept ones, or keep them: `--update`.
instructions *arguments:
    bench/instructions {{arguments}}

# Play schedules with time and faults for an hour, or one again: `--seed 4711`.
simulate *arguments="--seconds 3600":
    cargo run --release --locked -p gatepost-simulation -- {{arguments}}

# Fuzz a target (`template`, `expression`, `iam_policy`, `json_schema`, `logs`, `websocket`) until it finds something, or all for a moment:
# `--check`.
fuzz *arguments:
    fuzz/run {{arguments}}

# Run everything a change must pass.
ci:
    .ci/run

# Format the code.
format:
    cargo fmt --all
    cargo fmt --all --manifest-path tests/clients/Cargo.toml
    cargo fmt --all --manifest-path fuzz/Cargo.toml

# Check the code as it is written.
check:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --locked -- -D warnings

# Check licences and sources of the dependencies.
deny:
    cargo deny check bans licenses sources

# Build the documentation.
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked --workspace
