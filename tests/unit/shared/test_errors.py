"""The class of an error defines what the caller does next."""

from shared.errors import (
    ConfigError,
    InputError,
    InvalidDomainError,
    NodeFullError,
    PipelineError,
    RetriableError,
)
from shared.problems import Problem


def test_a_configuration_error_has_every_problem() -> None:
    """The problems are a list, and one per line in its text."""
    error = ConfigError(["A: wrong", "B: missing"])
    assert error.problems == ["A: wrong", "B: missing"]
    assert str(error) == "A: wrong\nB: missing"


def test_an_input_error_has_a_problem_and_its_sentence() -> None:
    """The sentence, with the values in its places, is the text of the error."""
    error = InvalidDomainError(Problem.IP_ADDRESS, name='"127.1"')
    assert (error.problem, str(error)) == (
        Problem.IP_ADDRESS,
        '"127.1" is an IP address, not a domain.',
    )


def test_a_retriable_error_has_the_sentence_of_its_problem_or_a_better_one() -> None:
    """An adapter knows the reason in more detail."""
    assert str(NodeFullError()) == Problem.NODE_FULL.detail
    assert str(NodeFullError("The queue is full.")) == "The queue is full."


def test_a_wrong_input_is_never_retriable() -> None:
    """No class has two meanings for its catcher."""

    def descendants(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))

    assert not descendants(InputError) & descendants(RetriableError)
    assert descendants(InputError) | descendants(RetriableError) < descendants(PipelineError)
