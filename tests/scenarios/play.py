"""Plays scenarios, many at once, and compares what is told with their scripts."""

import asyncio
import json
import re
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from support.environment import BINARY as GATEPOST
from support.poll import until

from scenarios.script import CANARIES, Stage, Told, drawn, of_another_day, until_drained

#: Scenarios at once, and runs of `gatepost why`.
AT_ONCE = 24
WHY_AT_ONCE = 3


async def play(app, stage, seed, count):
    """What must be told, and the connections that stay open until it was."""
    limit = asyncio.Semaphore(AT_ONCE)
    told, kept = [], []

    async def one(kind, chance):
        async with limit:
            try:
                came = await kind(stage, chance)
            except Exception as broken:  # It is one of many, and must be told of, not end them.
                came = Told(kind.__name__, "", "", problems=[repr(broken)])
        if isinstance(came, tuple):
            kept.append(came[1])
            came = came[0]
        if came:
            told.append(came)

    await asyncio.gather(*(one(kind, chance) for kind, chance in drawn(seed, count)))
    return told, kept


def why(app, asked):
    done = subprocess.run(
        [GATEPOST, "why", asked, "--json"],
        cwd=app.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout), done.stdout + done.stderr


def compare(app, told, seen):
    """What is wrong with what is told of one scenario."""
    if not told.asked:
        return ""
    said, text = why(app, told.asked)
    told.expect("why", said["reason"], told.reason)
    told.expect("found", said["found"], True)
    if told.verdict and told.verdict not in said["verdict"]:
        told.problems.append(f"the verdict {said['verdict']!r} lacks {told.verdict}")
    timeline = json.dumps(said["timeline"])
    for request_id in told.posts:
        if request_id not in timeline:
            told.problems.append(f"the refused call {request_id} is not in the timeline")
        by_request, _ = why(app, request_id)
        if not by_request["request"]:
            told.problems.append(f"the refused call {request_id} has no line in the log")
            continue
        line = by_request["request"]["lines"][-1]["text"]
        status = 400 if told.gone in ("malformed", "double-encoded", "cut", "not-issued-here") else 410
        if f"was answered with status code [{status}]" not in line:
            told.problems.append(f"the line of {request_id} is {line!r}")
    reason = told.gone or told.reason
    if told.posts and told.own and reason not in seen["gone"].get(told.own, ()):
        told.problems.append(f"the terminal told {seen['gone'].get(told.own)}, not {reason}")
    if told.reason not in ("open",) and seen["pages"].get(told.reason) is None:
        told.problems.append(f"there is no page about {told.reason}")
    if told.disconnect:
        told.expect("$disconnect", seen["disconnects"].get(told.own), [list(told.disconnect)])
    return text


def observe(app, told):
    """What the terminal and the app's functions saw, once all of it is there."""
    wanted = {it.own for it in told if it.disconnect}

    def disconnects():
        found = {}
        for event in app.seen("DISCONNECT"):
            here = event["requestContext"]
            heard = [here["disconnectStatusCode"], here["disconnectReason"]]
            found.setdefault(here["connectionId"], []).append(heard)
        return found

    until(lambda: wanted <= disconnects().keys(), "every $disconnect", timeout=60)
    posted = {it.own for it in told if it.posts and it.own}

    def on_terminal():
        found = {}
        for event in app.events("gone"):
            found.setdefault(event["connectionId"], set()).add(event["reason"])
        return found

    until(lambda: posted <= on_terminal().keys(), "every line on the terminal", timeout=60)
    pages = {}
    for reason in {it.reason for it in told if it.asked}:
        about = [GATEPOST, "why", "--about", reason]
        done = subprocess.run(about, capture_output=True, text=True, check=False)
        pages[reason] = done.stdout if done.stdout.startswith(f"# `{reason}`: ") else None
    return {"disconnects": disconnects(), "gone": on_terminal(), "pages": pages}


def secrets_in(app, texts):
    """Canaries that are seen anywhere: on the terminal, in the store, in sinks, in what the commands say."""
    logs = [GATEPOST, "logs", "--since", "1h"]
    for more in ([], ["--json"]):
        said = subprocess.run([*logs, *more], cwd=app.folder, capture_output=True, check=False)
        texts.append(said.stdout.decode(errors="replace"))
    places = {"terminal": app.stdout + app.stderr, "commands": "\n".join(texts)}
    kept = app.folder / ".gatepost"
    files = [*kept.glob("store.sqlite*"), *kept.glob("gatepost.log*")]
    assert any(file.suffix == ".log" for file in files)
    for file in files:
        places[file.name] = file.read_bytes().decode("latin-1")
    return [
        f"{name} is in {place}"
        for name, canary in CANARIES.items()
        for place, text in places.items()
        if canary in text
    ]


def metrics_of(app):
    """The samples of Gatepost's own metrics, by name and labels, without what is 0."""
    url = app.ready["httpUrl"] + "/_gatepost/metrics"
    page = urllib.request.urlopen(url, timeout=10).read().decode()
    found = {}
    for name, labels, value in re.findall(r"^gatepost_(\w+?)(?:{(.*)})? (\S+)$", page, re.MULTILINE):
        labels = frozenset(re.findall(r'(\w+)="([^"]*)"', labels))
        if float(value):
            found[name, labels] = float(value)
    return found


def counted(app, stage):
    """What is wrong with the metrics, once they have come to what the scripts make of them."""
    names = {name for name, _ in stage.counts}

    def same():
        return {k: v for k, v in metrics_of(app).items() if k[0] in names} == stage.counts

    try:
        until(same, "the metrics of the scripts", timeout=20)
    except AssertionError:
        found = metrics_of(app)
        keys = stage.counts.keys() | {key for key in found if key[0] in names}
        return [
            f"metric {key[0]} {dict(key[1])}: {found.get(key, 0)}, not {stage.counts[key]}"
            for key in keys
            if found.get(key, 0) != stage.counts[key]
        ]
    return []


def is_quiet(app):
    """Whether no connection is left, and no `$disconnect` is to come."""
    found = metrics_of(app)
    names = ("connections", "disconnects_under_way")
    return not any(found.get((name, frozenset())) for name in names)


async def drain(app, stage, count):
    """So many clients that are there while Gatepost stops; then it starts again."""
    loop = asyncio.get_running_loop()
    there, gone = 0, loop.create_future()

    async def stop(_):
        nonlocal there
        there += 1
        if there == count:
            gone.set_result(await loop.run_in_executor(None, app.stop))

    told = await asyncio.gather(*(until_drained(stage, stop) for _ in range(count)))
    await gone
    await loop.run_in_executor(None, app._start)
    again = Stage(app)
    return [await again.gone(each) for each in told], again


async def forget(app, ended):
    """Starts Gatepost anew, which keeps ended connections for a second only."""
    loop = asyncio.get_running_loop()
    app.env["GATEPOST_LIMITS__TOMBSTONE_AGE"] = "1s"
    await loop.run_in_executor(None, app.restart)
    stage = Stage(app)
    return [await of_another_day(stage, each) for each in ended], stage


def run(app, seed, count):
    """Plays so many scenarios; how many were told, and what is wrong."""
    at_the_end = max(3, count // 40)
    texts, problems = [], []

    async def all_of_it():
        loop = asyncio.get_running_loop()
        everything = []
        with ThreadPoolExecutor(WHY_AT_ONCE) as threads:

            async def look(told, stage):
                seen = await loop.run_in_executor(threads, observe, app, told)
                problems.extend(await loop.run_in_executor(threads, counted, app, stage))
                texts.extend(
                    await asyncio.gather(
                        *(loop.run_in_executor(threads, compare, app, it, seen) for it in told)
                    )
                )
                everything.extend(told)

            stage = Stage(app)
            told, kept = await play(app, stage, seed, count - 2 * at_the_end)
            await look(told, stage)
            for client in kept:
                client.vanish()
            # All at once they take more processes than there may be, which others would miss.
            await loop.run_in_executor(threads, until, lambda: is_quiet(app), "no connection", 60)
            ended = [it for it in told if it.disconnect][:at_the_end]
            await look(*await drain(app, stage, at_the_end))
            await look(*await forget(app, ended))
        return everything

    told = asyncio.run(all_of_it())
    problems += [f"{it.scenario} {it.asked}: {what}" for it in told for what in it.problems]
    return told, problems + secrets_in(app, texts)
