"""The example of a cure: what it prints is what it promises."""

from examples import cure


def test_reliance_falls_and_accuracy_without_the_mark_rises(capsys):
    results = cure.main()
    printed = capsys.readouterr().out
    assert "The model recognises '3' by a small region" in printed
    marked, unmarked = results["as trained"]
    assert marked - unmarked > 0.4
    for cured in ("augmentation", "right reasons"):
        marked, unmarked = results[cured]
        assert marked - unmarked < 0.1
        assert unmarked > results["as trained"][1] + 0.3
