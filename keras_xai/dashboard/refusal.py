"""What a request gets that cannot be answered."""


class Refusal(Exception):
    """Says with an HTTP status, and a sentence for the user, why there is no answer.

    Args:
        status: 4xx.
        sentence: what happened and what to do.
    """

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


def some(problems: list[str], most: int = 20) -> list[str]:
    """Not more problems than anybody reads; the last sentence counts the rest."""
    if len(problems) <= most:
        return problems
    return [*problems[: most - 1], f"{len(problems) - most + 1} more records cannot be shown."]


def quoted(text: object, length: int = 80) -> str:
    """A name from a log, fit for a sentence: in quotes, without control characters, not too long."""
    said = repr(text)
    return said if len(said) <= length else f"{said[: length - 3]}..."
