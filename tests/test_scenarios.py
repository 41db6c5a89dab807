"""The catalogue of ends, refusals and error frames, drawn at random: the answer, its header, the line on
the terminal and in the log, the metrics, `gatepost why` and the page agree with the script of each scenario,
and no secret of a client is seen anywhere. `PYTHONPATH=tests python -m scenarios --count 10000` plays more."""

import pytest
from scenarios.app import CONFIG, template
from scenarios.play import run


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("level", "count"), [("INFO", 250), ("ERROR", 120)])
def test_what_is_told_agrees_with_the_script_of_each_scenario(dev, level, count):
    told, problems = run(dev(template(level), config=CONFIG), seed=7, count=count)
    assert problems == []
    played = {it.scenario for it in told}
    assert len(played) > 15
    assert {"drain", "forgotten"} <= played
    if level == "INFO":
        assert {"refused handshake, invalid-api-key", "error frame, throttled"} <= played
