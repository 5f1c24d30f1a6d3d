"""Errors keep their meaning when they cross a process border or come back from the store."""

from consigne.domain import errors


def subclasses(root: type[errors.ConsigneError]) -> set[type[errors.ConsigneError]]:
    return {root}.union(*(subclasses(child) for child in root.__subclasses__()))


def test_each_public_error_has_a_code_of_its_own_and_comes_back_from_it() -> None:
    known = subclasses(errors.ConsigneError)
    public = {
        kind for kind in known if kind.__module__ == errors.__name__ and kind.__name__[0] != "_"
    }
    assert len({kind.code for kind in public}) == len(public)
    for kind in public:
        again = errors.from_code(kind.code, "why")
        assert type(again) is kind
        assert again.message == "why"


def test_an_unknown_code_is_an_engine_failure() -> None:
    assert type(errors.from_code("from_the_future", "why")) is errors.EngineFailed
