"""What the panel says about the time a run still needs."""

from __future__ import annotations

import pytest

pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


class Clock:
    """Seconds that a test moves on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def watch(earlier: list, marks: list) -> object:
    """A run that has reached each share at its second; the clock is in `clock`."""
    from ThrombusSegParts.timeLeft import TimeLeft

    clock = Clock()
    run = TimeLeft(earlier, clock)
    for share, second in marks:
        clock.now = 100.0 + second
        run.reached(share)
    run.clock = clock
    return run


def test_nothing_is_said_before_it_is_known() -> None:
    assert watch([], []).seconds() is None
    assert watch([], [(0.02, 0.0), (0.29, 30.0)]).seconds() is None
    assert watch([], [(0.02, 0.0), (0.6, 2.0)]).seconds() is None
    assert watch([], [(0.02, 0.0), (0.5, 10.0)]).seconds() == pytest.approx(10.0)


def test_an_earlier_run_tells_from_the_start_and_its_stages_count() -> None:
    """Half of the way took 2 s and the rest 38 s: half the way is far from half the time."""
    earlier = [(0.0, 0.0), (0.5, 2.0), (1.0, 40.0)]
    assert watch(earlier, [(0.0, 0.0)]).seconds() == pytest.approx(40.0)
    assert watch(earlier, [(0.0, 0.0), (0.5, 2.0)]).seconds() == pytest.approx(38.0)
    assert watch(earlier, [(0.0, 0.0), (0.5, 6.0)]).seconds() == pytest.approx(3 * 38.0), "a case three times as slow"
    assert watch(earlier, [(0.0, 0.0), (0.75, 21.0)]).seconds() == pytest.approx(19.0)


def test_time_goes_by_between_two_marks_and_never_below_nothing() -> None:
    run = watch([(0.0, 0.0), (1.0, 40.0)], [(0.0, 0.0), (0.5, 20.0)])
    run.clock.now += 5.0
    assert run.seconds() == pytest.approx(15.0)
    run.clock.now += 500.0
    assert run.seconds() == 0.0


def test_waiting_before_the_first_mark_does_not_count() -> None:
    from ThrombusSegParts.timeLeft import TimeLeft

    clock = Clock()
    run = TimeLeft((), clock)
    clock.now += 60.0  # torch is loaded
    run.reached(0.02)
    clock.now += 10.0
    run.reached(0.5)
    assert run.marks() == [(0.02, 0.0), (0.5, 10.0), (0.5, 10.0)]


def test_marks_are_few_and_are_enough_for_the_next_run() -> None:
    run = watch([], [(number / 1000, number / 10) for number in range(1001)])
    marks = run.marks()
    assert len(marks) <= 42 and marks[-1] == (1.0, 100.0)
    assert watch(marks, [(0.0, 0.0), (0.3, 30.0)]).seconds() == pytest.approx(70.0, abs=0.5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0.4, "a few seconds left"), (7.4, "about 7 s left"), (43.0, "about 45 s left"),
        (89.0, "about 90 s left"), (150.1, "about 3 min left"),
    ],
)  # fmt: skip
def test_words_are_as_coarse_as_the_knowledge(seconds, text) -> None:
    from ThrombusSegParts.timeLeft import timeLeftText

    assert timeLeftText(seconds) == text
