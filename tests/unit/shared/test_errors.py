"""Errors say what the caller does next."""

from shared.errors import ConfigError, InputError, InvalidDomainError, PipelineError, RetriableError


def test_a_configuration_error_has_every_problem() -> None:
    """All problems are kept apart, and one to a line in its text."""
    error = ConfigError(["A: wrong", "B: missing"])
    assert error.problems == ["A: wrong", "B: missing"]
    assert str(error) == "A: wrong\nB: missing"


def test_an_input_error_has_a_code_for_programs_and_a_sentence_for_people() -> None:
    """The sentence alone is its text."""
    error = InvalidDomainError("empty_domain", "The domain is empty.")
    assert (error.code, error.detail, str(error)) == (
        "empty_domain",
        "The domain is empty.",
        "The domain is empty.",
    )


def test_what_the_caller_did_wrong_is_never_retriable() -> None:
    """No class tells its catcher two things to do."""

    def descendants(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))

    assert not descendants(InputError) & descendants(RetriableError)
    assert descendants(InputError) | descendants(RetriableError) < descendants(PipelineError)
